/**
 * Owns the one child of a pool that listens for subscriptions: it is kept as long as there are any, and told which
 * resources they name.
 *
 * Invariants: the child is asked for a resource as long as somebody wants it, counted by who wants it; one with a
 * handshake is held alone, so that nothing else speaks of resources; it does not keep calls from the last children.
 */
import { CausewayError } from '@causeway/protocol';
import { listen } from './greet.ts';
import type { Pool } from './pool.ts';
import type { PooledProcess } from './pooled-process.ts';

export interface Watch {
  readonly pool: Pool;
  readonly process: PooledProcess;
  /** `who` wants to hear of these resources. */
  add(who: object, uris: readonly string[]): void;
  delete(who: object): void;
  /** Nobody listens any more. */
  close(): void;
}

/** Rejects with CausewayError. `lost`: the child is gone. */
export async function openWatch(pool: Pool, lost: () => void): Promise<Watch> {
  const legacy = pool.order.era === 'legacy';
  const lease = await pool.lease({ exclusive: legacy });
  const { process } = lease;
  if (legacy && !pool.park(process, true)) {
    lease.end('sound');
    throw new CausewayError('limit.listens', { retryAfter: 5 });
  }
  const wanted = new Map<object, readonly string[]>();
  const known = new Set<string>();
  let listening: number | undefined;
  /** Not answered before its end. */
  const alive = process.begin({ answered: () => undefined, failed: () => lost() });
  const sync = (): void => {
    const wants = new Set([...wanted.values()].flat());
    const [added, gone] = [wants.difference(known), known.difference(wants)];
    if (added.size + gone.size === 0) return;
    if (legacy) {
      for (const uri of added) void process.ask('resources/subscribe', JSON.stringify({ uri })).catch(() => undefined);
      for (const uri of gone) void process.ask('resources/unsubscribe', JSON.stringify({ uri })).catch(() => undefined);
    } else {
      const before = listening;
      listening = wants.size === 0 ? undefined : listen(process, { resourceSubscriptions: [...wants] });
      if (before !== undefined) process.cancel(before, 'replaced');
      if (before !== undefined) process.forget(before);
    }
    known.clear();
    for (const uri of wants) known.add(uri);
  };
  return {
    pool,
    process,
    add(who, uris) {
      wanted.set(who, uris);
      sync();
    },
    delete(who) {
      wanted.delete(who);
      sync();
    },
    close() {
      wanted.clear();
      sync();
      process.forget(alive);
      lease.end('sound');
    },
  };
}
