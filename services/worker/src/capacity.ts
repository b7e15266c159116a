/**
 * Owns which sessions this worker holds, from the moment one is begun until nothing of it is left. Whether there is
 * room for one is the ledger's to say (`Tenure.admit`).
 *
 * Invariants: a token is held once; while the worker shuts down nothing is taken in.
 */
import { asCausewayError, CausewayError, type SessionToken } from '@causeway/protocol';
import { Counts, Register, remember, rememberAs } from '@causeway/runtime';
import type { HeldSessions } from './held-sessions.ts';
import type { Session } from './session/session.ts';
import type { EndReason } from './session/states.ts';

/** Ended sessions that are remembered. */
const REMEMBERED = 10_000;

export class Capacity implements HeldSessions {
  /** An operator wants nothing new here; what is here goes on. */
  paused = false;
  /** This process ends soon: nothing new should come, and what comes all the same is taken in. */
  leaving = false;
  /** Sessions that had a place and have ended here, whether or not they go on elsewhere. */
  readonly ended = new Counts<EndReason>();
  readonly #sessions = new Register<SessionToken, Session>();
  /** Ended, but with a record that could not be removed yet. */
  readonly #unsettled = new Register<SessionToken, Session>();
  /** Are not here any more, and why, if they could not begin. */
  readonly #past = new Map<SessionToken, CausewayError | undefined>();
  /** Have ended here, for good. */
  readonly #over = new Set<SessionToken>();
  readonly #lost = new Set<() => void>();
  #draining = false;
  #suspensions = 0;

  /** Calls back whenever the lease is lost under which everything here is held. */
  onLost(listener: () => void): void {
    this.#lost.add(listener);
  }

  /** Takes a session in. Throws CausewayError `cluster.draining`, or what `build` throws, and then `pastOf` says the same. */
  open(token: SessionToken, build: () => Session): Session {
    try {
      return this.admit(token, build);
    } catch (error) {
      rememberAs(this.#past, token, asCausewayError(error), REMEMBERED);
      throw error;
    }
  }

  /** The same for one that is taken over: it may be asked for again. */
  admit(token: SessionToken, build: () => Session): Session {
    if (this.#draining || this.paused) throw new CausewayError('cluster.draining', { retryAfter: 1 });
    if (this.find(token) !== undefined) throw new CausewayError('cluster.moved', { retryAfter: 1 });
    const session = build();
    this.#sessions.set(token, session);
    void session.ended.then(async (reason) => {
      if (session.placed) this.ended.count(reason);
      this.#sessions.delete(token);
      this.#unsettled.set(token, session);
      await session.aftermath.settled;
      this.#unsettled.delete(token);
      rememberAs(this.#past, token, session.aftermath.refusal, REMEMBERED);
      if (!session.aftermath.moved) remember(this.#over, token, REMEMBERED);
    });
    return session;
  }

  /** Also one that has ended, as long as its record is there: what is asked of it is answered here, not by the next owner. */
  find(token: SessionToken): Session | undefined {
    return this.#sessions.get(token) ?? this.#unsettled.get(token);
  }

  /** What an open is told of a session that was begun here before and is not here any more; `undefined`: it never was. */
  pastOf(token: SessionToken): CausewayError | undefined {
    return this.#past.has(token) ? (this.#past.get(token) ?? new CausewayError('cluster.owner_lost')) : undefined;
  }

  /** Whether the session is known to have ended here: a record of it comes from a store that was set back. */
  hasEnded(token: SessionToken): boolean {
    return this.#over.has(token);
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  /** Sessions that were ever given a place here. */
  get begun(): number {
    const ended = [...this.ended].reduce((sum, [, count]) => sum + count, 0);
    return ended + this.sessions.filter(({ placed }) => placed).length;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Takes nothing in any more. */
  refuse(): void {
    this.#draining = true;
  }

  suspend(why: 'lease' | 'doubt'): void {
    this.#suspensions += 1;
    for (const session of this.sessions) session.suspend(why);
    if (why === 'lease') for (const lost of this.#lost) lost();
  }

  resume(): void {
    const before = this.#suspensions;
    for (const session of this.sessions) {
      session.resume('doubt');
      // What it had waiting has shown a new doubt, which is that of all.
      if (this.#suspensions !== before) return;
    }
  }

  async readmit(): Promise<boolean> {
    await Promise.all(this.#waiting.map((session) => readmit(session)));
    return this.#waiting.length === 0;
  }

  end(): Promise<void> {
    return this.#all(this.#waiting, (session) => session.close('lease_lost'));
  }

  /** The worker shuts down: whatever is left is left to others, or ends. */
  giveUp(): Promise<void> {
    return this.#all(this.sessions, (session) => session.giveUp());
  }

  get #waiting(): readonly Session[] {
    return this.sessions.filter(({ waiting }) => waiting);
  }

  async #all(sessions: readonly Session[], end: (session: Session) => void): Promise<void> {
    for (const session of sessions) end(session);
    await Promise.all(sessions.map(({ ended }) => ended));
  }
}

async function readmit(session: Session): Promise<void> {
  try {
    await session.readmit();
    session.resume('lease');
  } catch (error) {
    // Without the store nothing is known; it is tried again.
    if (!(error instanceof CausewayError) || error.reason !== 'cluster.unavailable') session.close('lease_lost');
  }
}
