/**
 * Owns how many calls may be in flight: of one session, and of one identity over all of its sessions on this worker.
 * Invariant: what counts is a set of running calls for each identity, gone with its last call.
 */
import type { Config } from '@causeway/config';
import { CausewayError, type Identity } from '@causeway/protocol';
import { Chain } from '@causeway/runtime';

export type CallLimitsOptions = Pick<Config['limits'], 'callsPerSession' | 'callsPerIdentity'>;

export class CallLimits {
  readonly #limits: () => CallLimitsOptions;
  readonly #running = new Map<Identity, Chain<object>>();

  /** `limits`: those of now. */
  constructor(limits: () => CallLimitsOptions) {
    this.#limits = limits;
  }

  /** Asserts room for one more where a session has `running` calls. Throws CausewayError `limit.calls`. */
  assertRoom(running: number, identity: Identity | undefined): void {
    const { callsPerSession, callsPerIdentity } = this.#limits();
    assertBelow(callsPerSession, running, 'session');
    assertBelow(callsPerIdentity, identity === undefined ? 0 : (this.#running.get(identity)?.size ?? 0), 'identity');
  }

  /** The call counts until the returned function is called. */
  hold(call: object, identity: Identity | undefined): () => void {
    if (identity === undefined) return () => undefined;
    const running = this.#running.get(identity) ?? new Chain();
    this.#running.set(identity, running);
    const link = running.add(call);
    return () => {
      if (running.remove(link) && running.size === 0) this.#running.delete(identity);
    };
  }
}

function assertBelow(limit: number, used: number, scope: 'session' | 'identity'): void {
  if (used >= limit) throw new CausewayError('limit.calls', { retryAfter: 1, facts: { scope, limit, used } });
}
