/**
 * Owns this worker's right to act: the lease in the ledger, and what becomes of the worker when it is lost.
 *
 * Invariants: without a lease no session is held and none is taken in; a lost lease is told before another
 * one is asked for; it is asked for until it is granted or the worker ends.
 */
import type { Ledger, Lease, WorkerRecord } from '@causeway/cluster';
import { CausewayError } from '@causeway/protocol';
import type { Log, Wheel } from '@causeway/runtime';

export type Change = Parameters<Lease['update']>[0];

export interface Tenure extends AsyncDisposable {
  /** The lease is good now. */
  readonly held: boolean;
  /** Says what has changed about this worker; it reaches the ledger as soon as there is a lease. */
  update(change: Change): void;
}

export interface TenureDeps {
  readonly ledger: Ledger;
  readonly wheel: Wheel;
  readonly log: Log;
  /** Ends every session; resolves when nothing of them is left. */
  readonly lost: () => Promise<void>;
}

/** Milliseconds between attempts to get a lease again: doubled each time, up to the last. */
const FIRST_RETRY = 500;
const LAST_RETRY = 10_000;

/** Rejects with CausewayError `cluster.unavailable` if the first lease cannot be had. */
export async function openTenure(deps: TenureDeps, first: WorkerRecord): Promise<Tenure> {
  const { ledger, wheel, log } = deps;
  let record = first;
  let closed = false;
  let cancelRetry: (() => void) | undefined;
  let lease: Lease | undefined = await ledger.lease(record);
  const follow = (one: Lease): void => one.lost.addEventListener('abort', () => void lose(one), { once: true });
  const lose = async (one: Lease): Promise<void> => {
    if (closed || lease !== one) return;
    lease = undefined;
    log.error({ reason: 'lease_lost' }, 'lease lost, ending every session');
    await deps.lost();
    await one[Symbol.asyncDispose]();
    await renew(FIRST_RETRY);
  };
  const renew = async (pause: number): Promise<void> => {
    if (closed) return;
    try {
      const next = await ledger.lease(record);
      if (closed) return await next[Symbol.asyncDispose]();
      lease = next;
      follow(next);
      next.update(record);
      log.info({}, 'lease taken again');
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
      cancelRetry = wheel.after(pause, () => void renew(Math.min(2 * pause, LAST_RETRY)));
    }
  };
  follow(lease);
  return {
    get held() {
      return lease !== undefined;
    },
    update(change) {
      record = { ...record, ...change };
      lease?.update(change);
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      cancelRetry?.();
      await lease?.[Symbol.asyncDispose]();
    },
  };
}
