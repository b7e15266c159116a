/**
 * Owns which sessions this worker holds, and whether it takes another one.
 *
 * Invariants: what counts is the sessions themselves, from the moment an open is accepted until nothing
 * of them is left; the cluster learns of every change.
 */
import { CausewayError, type SessionToken } from '@causeway/protocol';
import type { Session } from './session/session.ts';

export class Capacity {
  readonly #sessions = new Map<SessionToken, Session>();
  readonly #max: number;
  readonly #changed: (held: number) => void;
  #draining = false;

  /** `changed` is called with the number of sessions after every change. */
  constructor(max: number, changed: (held: number) => void) {
    this.#max = max;
    this.#changed = changed;
  }

  /** Takes a session in. Throws CausewayError `limit.worker` or `cluster.draining`. */
  admit(token: SessionToken, build: () => Session): Session {
    if (this.#draining) throw new CausewayError('cluster.draining', { retryAfter: 1 });
    if (this.#sessions.size >= this.#max || this.#sessions.has(token)) throw new CausewayError('limit.worker', { retryAfter: 2 });
    const session = build();
    this.#sessions.set(token, session);
    this.#changed(this.#sessions.size);
    void session.ended.then(() => {
      this.#sessions.delete(token);
      this.#changed(this.#sessions.size);
    });
    return session;
  }

  find(token: SessionToken): Session | undefined {
    return this.#sessions.get(token);
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Takes nothing in any more. */
  refuse(): void {
    this.#draining = true;
  }
}
