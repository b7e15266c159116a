/**
 * Owns one session: what it holds, its messages and its end. All its events come through here, one after the other;
 * how it begins is begin.ts's, what its events mean is pure code in states.ts, calls.ts, callbacks.ts and streams.ts.
 *
 * Invariants: at most one child; every call is answered before the session is over; the first reason to end is kept;
 * when `ended` resolves, child, permit and timers are gone, and the record unless another owner may take it over.
 */
import { verdictOf, type ClientHead, type ControlHead, type OpenHead, type Place, type StoredSession } from '@causeway/cluster';
import { CausewayError } from '@causeway/protocol';
import { Aftermath } from './aftermath.ts';
import { beginAgain, beginByPost, beginByStream, beginFailed, type Beginning } from './begin.ts';
import { describeSession } from './description.ts';
import { endSession } from './end.ts';
import { hearChild } from './hearing.ts';
import { Hold, type HoldReason, type Refuse } from './hold.ts';
import type { Ownership } from './ownership.ts';
import { buildParts, type SessionParts } from './parts.ts';
import { Readers } from './readers.ts';
import { readmit } from './readmission.ts';
import type { SessionDeps, SessionHeld, SessionOpening } from './deps.ts';
import { keepsRecord, transition, type EndReason, type SessionEvent, type SessionState } from './states.ts';
import { deliver } from './upstream.ts';

export class Session {
  readonly #deps: SessionDeps;
  readonly #opening: SessionOpening;
  readonly #parts: SessionParts;
  readonly #held: SessionHeld = { permit: undefined, attempt: undefined, child: undefined, revision: '', initialize: '' };
  readonly #hold: Hold;
  /** Who reads its streams; what the bus finds out about them is told there. */
  readonly readers: Readers;
  readonly #ended = Promise.withResolvers<EndReason>();
  /** What is said of it once it has ended. */
  readonly aftermath: Aftermath;
  readonly #abandon = new AbortController();
  #start: Promise<boolean> = Promise.resolve(false);
  #state: SessionState = { kind: 'starting' };

  /** `from`: the record of the session that is taken over. */
  constructor(deps: SessionDeps, opening: SessionOpening, from?: StoredSession) {
    this.#deps = deps;
    this.aftermath = new Aftermath(deps);
    this.#opening = opening;
    this.#parts = buildParts(deps, opening, from, {
      held: this.#held,
      starting: () => this.#state.kind === 'starting',
      opened: () => this.#step({ kind: 'opened' }),
      close: (reason, error) => this.close(reason, error),
    });
    this.readers = new Readers(this.#parts, deps.edges);
    const { wheel, server } = opening;
    const refuse: Refuse = (reply, late) => (late ? deps.reply(reply, verdictOf(late)) : this.aftermath.refuse(reply));
    this.#hold = new Hold({ wheel, patience: server.requestTimeout, refuse, stops: deps.stops });
  }

  get place(): Place {
    return { owner: this.#deps.worker, epoch: this.#opening.epoch };
  }

  get ownership(): Ownership {
    return this.#parts.ownership;
  }

  /** As operators see it. */
  describe = (): ReturnType<typeof describeSession> => describeSession(this.#parts, this.#deps.worker, this.#state.kind);

  /** Resolves when nothing of the session is left here. */
  get ended(): Promise<EndReason> {
    return this.#ended.promise;
  }

  /** It has, or had, a place under the limits: without one nothing of it was begun. */
  get placed(): boolean {
    return this.#held.permit !== undefined;
  }

  get closing(): boolean {
    return 'reason' in this.#state;
  }

  /** Resolves once the session is open, with `true`, or has failed to. */
  get begun(): Promise<boolean> {
    return this.#start;
  }

  /** Starts the child and, for Streamable HTTP, sends it the client's initialize. Every outcome is told to `reply`. */
  open(head: OpenHead, body: Buffer, reply: string): void {
    this.#start = this.#begin(reply, async (one) => {
      if (head.transport === 'streamable') return beginByPost(one, head, body, reply);
      await beginByStream(one);
      this.#deps.reply(reply, { t: 'ok' });
      this.readers.openSse(head.stream, reply);
    });
  }

  /** Takes the session over from its former owner; the outcome is told to `reply`. */
  restore(stored: StoredSession, reply: string | undefined): void {
    this.#hold.begin('taking_over');
    this.#start = this.#begin(reply, async (one) => {
      await beginAgain(one, stored);
      this.#deps.reply(reply, { t: 'ok', place: this.place, revision: this.#held.revision });
      this.#hold.end('taking_over');
      this.readers.sync();
    });
  }

  async #begin(reply: string | undefined, begin: (one: Beginning) => Promise<void>): Promise<boolean> {
    const { readers } = this;
    const [parts, deps, held, hold] = [this.#parts, this.#deps, this.#held, this.#hold];
    const listeners = hearChild({ parts, deps, held, hold, readers, closing: () => this.closing });
    const opened = (): boolean => this.#step({ kind: 'opened' });
    const one = { parts, deps, held, listeners, abandon: this.#abandon.signal, opened };
    try {
      await begin(one);
      return true;
    } catch (error) {
      const refusal = (this.aftermath.refusal = beginFailed(one, error));
      this.#deps.reply(reply, verdictOf(refusal));
      this.close('start_failed', refusal);
      return false;
    }
  }

  client(head: ClientHead, body: Buffer, reply: string | undefined): void {
    if (this.#refuses(head.identity, reply)) return;
    if (this.#hold.passes(head.frame.kind)) {
      deliver(this.#parts, head, body, reply);
      return this.readers.balance();
    }
    this.#hold.keep({ bytes: body.length, reply, pass: () => this.client(head, body, reply) });
  }

  control(head: ControlHead, reply: string | undefined): void {
    if (this.#refuses(head.identity, reply)) return;
    switch (head.t) {
      case 'attach':
        if (reply === undefined) return;
        // It may be the stream of a call that is held: nobody may hear that it is unknown.
        if (this.#hold.passes('request') || this.readers.knows(head)) return this.readers.attach(head, reply);
        return this.#hold.keep({ bytes: 0, reply, pass: () => this.control(head, reply) });
      case 'detach':
        // The client of a 2024-11-05 stream left before it was begun.
        if (this.#parts.transport === 'sse' && this.#state.kind === 'starting') return this.close('client_gone');
        return this.readers.detach(head);
      case 'retire':
        this.#deps.reply(reply, { t: 'ok' });
        return void this.#finish('retiring');
      case 'credit':
        return this.readers.credit(head);
      case 'info':
        this.#parts.idle.touch();
        return this.#deps.reply(reply, { t: 'ok', revision: this.#held.revision });
      case 'close':
        this.close('delete');
        return this.aftermath.promise(reply);
    }
  }

  /** The worker's lease is lost, or in doubt: until `resume` the child is not touched, and is not listened to. */
  suspend(why: 'lease' | 'doubt'): void {
    this.#hold.begin(why);
    this.readers.suspend(true);
    if (why !== 'lease') return;
    this.#held.readmission = undefined;
    this.resume('doubt');
  }

  resume(why: 'lease' | 'doubt'): void {
    this.#hold.lift(why);
    // Should this end the session, what is held goes to the next owner.
    this.readers.suspend(!this.#hold.touchable);
    this.#hold.pass();
  }

  /** The lease that it was held under is lost. */
  get waiting(): boolean {
    return this.#hold.has('lease');
  }

  /** The lease is another one (readmission.ts). */
  readmit = (): Promise<void> => readmit({ parts: this.#parts, deps: this.#deps, held: this.#held, abandon: this.#abandon.signal });

  /** The worker shuts down: what runs is finished, then the session is left to another worker where one may take it over. */
  async release(): Promise<void> {
    if (this.#state.kind === 'starting') return this.close('drain', new CausewayError('cluster.draining', { retryAfter: 1 }));
    await this.#finish(this.#deps.recoverable(this.#opening.server) ? 'finishing' : undefined);
  }

  /** Finishes what runs, then gives the session up; `hold`: what is asked meanwhile waits for that, instead of being refused. */
  async #finish(hold?: HoldReason): Promise<void> {
    if (hold) this.#hold.begin(hold);
    await this.#parts.calls.none();
    this.giveUp();
  }

  /** Leaves the session to another worker where one may take it over, or ends it. */
  giveUp(): void {
    const left = this.#deps.recoverable(this.#opening.server) ? 'released' : 'drain';
    this.close(this.#hold.has('retiring') ? 'client_gone' : left);
  }

  /** Ends the session; idempotent, the first reason counts. */
  close(reason: EndReason, error?: CausewayError): void {
    if (!this.#step({ kind: 'close', reason })) return;
    if (reason === 'start_timeout') this.#held.attempt?.failed();
    const told = error ?? new CausewayError('session.ended', { facts: { ended: reason } });
    const stays = this.#stays(reason);
    // What had not begun can be done by another.
    this.#abandon.abort(stays ? new CausewayError('cluster.moved', { retryAfter: 1 }) : told);
    const end = endSession(this.#parts, this.#held, { reason, told, stays, readers: this.readers, start: this.#start });
    this.aftermath.begin(stays, end.forgotten, this.ownership);
    this.#hold.refuse();
    void end.gone.then(() => {
      this.#step({ kind: 'gone' });
      this.#parts.log.info(error === undefined ? { reason } : { reason, error: error.reason }, 'session ended');
      this.#ended.resolve(reason);
    });
  }

  #stays(reason: EndReason): boolean {
    const { epoch, server } = this.#opening;
    return keepsRecord(reason, { takenOver: epoch > 1, recoverable: this.#deps.recoverable(server), claiming: this.ownership.claiming });
  }

  #step(event: SessionEvent): boolean {
    const next = transition(this.#state, event);
    if (next === this.#state) return false;
    this.#state = next;
    return true;
  }

  #refuses(identity: string, reply: string | undefined): boolean {
    if (!this.closing && identity === this.#opening.identity) return false;
    if (this.closing) this.aftermath.refuse(reply);
    else this.#deps.reply(reply, verdictOf(new CausewayError('request.session_unknown')));
    return true;
  }
}
