/**
 * Owns one session: its child, its streams, its calls and its end. All its events come through here, one
 * after the other; what they mean is pure code in states.ts, calls.ts, callbacks.ts and streams.ts.
 *
 * Invariants: at most one child; every call is answered before the session is over; the first reason to
 * end is kept; when `ended` resolves, the child's whole process group, the record and every timer are gone.
 */
import { verdictOf, type ClientHead, type ControlHead, type OpenHead } from '@causeway/cluster';
import { CausewayError, memberText, readHandshake } from '@causeway/protocol';
import type { Attempt } from '../child/breaker.ts';
import type { Child, ChildExit } from '../child/child.ts';
import { Callbacks } from './callbacks.ts';
import { Calls } from './calls.ts';
import { receive } from './downstream.ts';
import { Idle } from './idle.ts';
import { exitFacts, failCall } from './outcome.ts';
import type { SessionParts } from './parts.ts';
import { Readers } from './readers.ts';
import type { SessionDeps, SessionOpening } from './deps.ts';
import { transition, type EndReason, type SessionEvent, type SessionState } from './states.ts';
import { Streams } from './streams.ts';
import { beginCall, deliver } from './upstream.ts';

/** Room for an envelope's head beside the message. */
const HEAD_ROOM = 4096;

export class Session {
  readonly #deps: SessionDeps;
  readonly #opening: SessionOpening;
  readonly #parts: SessionParts;
  readonly #readers: Readers;
  readonly #ended = Promise.withResolvers<void>();
  readonly #abandon = new AbortController();
  #start: Promise<void> | undefined;
  #state: SessionState = { kind: 'starting' };
  #child: Child | undefined;
  #revision = '';
  #attempt: Attempt | undefined;
  #spoke = false;
  #recorded = false;
  #initializeParams = '';

  constructor(deps: SessionDeps, opening: SessionOpening) {
    this.#deps = deps;
    this.#opening = opening;
    const { clock, wheel, server } = opening;
    const ports = { publish: deps.publishStream(opening.token), charge: deps.charge };
    this.#parts = {
      ...opening,
      calls: new Calls(),
      callbacks: new Callbacks(),
      streams: new Streams(ports, deps.streamLimits, clock),
      idle: new Idle(clock, wheel, server.idle, () => this.close('idle')),
      maxMessage: deps.maxMessage - HEAD_ROOM,
      child: () => this.#child,
      revision: () => this.#revision,
      starting: () => this.#state.kind === 'starting' && opening.transport === 'streamable',
      initialized: (answer) => this.#initialized(answer),
      draining: deps.draining,
      reply: deps.reply,
      close: (reason, error) => this.close(reason, error),
    };
    this.#readers = new Readers(this.#parts, deps.edges);
  }

  /** Resolves when nothing of the session is left. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** The worker shuts down: resolves as soon as no call is in flight. One that is not open yet has nothing to finish. */
  quiet(): Promise<void> {
    if (this.#state.kind === 'starting') this.close('drain', new CausewayError('cluster.draining', { retryAfter: 1 }));
    return this.#parts.calls.none();
  }

  /** Starts the child and, for Streamable HTTP, sends it the client's initialize. Every outcome is told to `reply`. */
  open(head: OpenHead, body: Buffer, reply: string): void {
    this.#start = this.#open(head, body, reply);
  }

  async #open(head: OpenHead, body: Buffer, reply: string): Promise<void> {
    const { transport, server, token } = this.#opening;
    try {
      this.#attempt = this.#deps.attempt(server.name);
      const child = await this.#deps.startChild(
        token,
        server,
        {
          line: (line) => this.#line(line),
          broken: (why) => this.close('child_broken', new CausewayError('server.broken', { facts: { why } })),
          exit: (exit) => this.#childExit(exit),
        },
        this.#abandon.signal,
      );
      if (this.#state.kind !== 'starting') return void (await child.stop({ gentle: false }));
      this.#child = child;
      if (transport === 'sse') {
        await this.#record({ params: '', result: '' });
        if (!this.#step({ kind: 'opened' })) throw new CausewayError('server.start_failed');
        this.#deps.reply(reply, { t: 'ok' });
        this.#readers.openSse(head.stream, reply);
      } else {
        if (!head.frame) throw new CausewayError('request.invalid', { message: 'A session opens with initialize.' });
        this.#initializeParams = memberText(body, 'params') ?? '{}';
        beginCall(this.#parts, { frame: head.frame }, body, this.#parts.streams.call(head.stream, reply, 1));
        this.#deps.reply(reply, { t: 'ok' });
      }
    } catch (error) {
      const refusal = error instanceof CausewayError ? error : new CausewayError('internal', { cause: error });
      if (!(error instanceof CausewayError)) this.#parts.log.error({ err: error }, 'session could not be opened');
      // What is not the server's fault must not pause its starts.
      if (refusal.reason.startsWith('server.')) this.#attempt?.failed();
      this.#deps.reply(reply, verdictOf(refusal));
      this.close('start_failed', refusal);
    }
  }

  /** One message of the client. */
  client(head: ClientHead, body: Buffer, reply: string | undefined): void {
    if (this.#refuses(head.identity, reply)) return;
    deliver(this.#parts, head, body, reply);
  }

  /** An edge's word about a stream, or about the session. */
  control(head: ControlHead, reply: string | undefined): void {
    if (this.#refuses(head.identity, reply)) return;
    switch (head.t) {
      case 'attach':
        return reply === undefined ? undefined : this.#readers.attach(head, reply);
      case 'detach':
        // The client of a 2024-11-05 stream left before it was begun.
        if (this.#parts.transport === 'sse' && this.#state.kind === 'starting') return this.close('client_gone');
        return this.#readers.detach(head);
      case 'credit':
        return this.#readers.credit(head);
      case 'info':
        this.#parts.idle.touch();
        return this.#deps.reply(reply, { t: 'ok', revision: this.#revision });
      case 'close':
        this.close('delete');
        return this.#deps.reply(reply, { t: 'ok' });
    }
  }

  /** The bus found nobody at the address of a stream: its edge is gone. */
  lost(name: string, attachment: number, seq: number): void {
    this.#readers.lost(name, attachment, seq);
  }

  /** The bus is back: what waited is sent. */
  resumeStreams = (): void => this.#readers.resume();

  /** Ends the session; idempotent, the first reason counts. */
  close(reason: EndReason, error?: CausewayError): void {
    if (!this.#step({ kind: 'close', reason })) return;
    const { calls, streams, idle } = this.#parts;
    if (reason === 'start_timeout') this.#attempt?.failed();
    this.#attempt?.[Symbol.dispose]();
    const told = error ?? new CausewayError('session.ended', { facts: { ended: reason } });
    for (const call of [...calls]) failCall(this.#parts, call, told);
    for (const stream of streams.all()) {
      stream.flush();
      stream.finish('session_ended');
    }
    streams.discard();
    idle.stop();
    this.#readers.close();
    this.#abandon.abort(new CausewayError('session.ended'));
    void this.#end(reason);
  }

  async #end(reason: EndReason): Promise<void> {
    const { log, token } = this.#parts;
    try {
      await this.#start;
      await this.#child?.stop({ gentle: reason === 'drain' || reason === 'idle' });
      if (this.#recorded) await this.#deps.records.delete(token);
    } catch (error) {
      log.warn({ err: error }, 'session record not deleted');
    }
    this.#child = undefined;
    this.#step({ kind: 'gone' });
    log.info({ reason }, 'session ended');
    this.#ended.resolve();
  }

  /** Applies an event; `false` if it changed nothing. */
  #step(event: SessionEvent): boolean {
    const next = transition(this.#state, event);
    if (next === this.#state) return false;
    this.#state = next;
    return true;
  }

  #refuses(identity: string, reply: string | undefined): boolean {
    const over = this.#state.kind === 'closing' || this.#state.kind === 'ended';
    if (!over && identity === this.#opening.identity) return false;
    this.#deps.reply(reply, verdictOf(new CausewayError('request.session_unknown')));
    return true;
  }

  #line(line: Buffer): void {
    if (this.#state.kind === 'closing' || this.#state.kind === 'ended') return;
    // Over HTTP+SSE nothing tells a good start but that the child speaks.
    if (this.#opening.transport === 'sse' && !this.#spoke) this.#attempt?.succeeded();
    this.#spoke = true;
    receive(this.#parts, line);
    this.#readers.balance();
  }

  async #initialized(answer: Buffer): Promise<boolean> {
    const handshake = readHandshake(answer);
    if (!handshake) {
      // The client gets the server's own error; without a granted handshake there is no session.
      setImmediate(() => this.close('start_failed'));
      return false;
    }
    this.#revision = handshake.revision;
    await this.#record({ params: this.#initializeParams, result: handshake.result });
    if (!this.#step({ kind: 'opened' })) throw new CausewayError('session.ended');
    this.#attempt?.succeeded();
    this.#parts.log.info({ revision: this.#revision }, 'session opened');
    return true;
  }

  async #record(initialize: { readonly params: string; readonly result: string }): Promise<void> {
    const { token, server, identity, clock } = this.#opening;
    this.#recorded = true;
    const created = await this.#deps.records.create(token, {
      v: 1,
      server: server.name,
      identity,
      owner: this.#deps.worker,
      epoch: 1,
      revision: this.#revision,
      initialize,
      created: clock.now(),
    });
    if (!created) throw new CausewayError('internal', { message: 'The session id is taken.' });
  }

  #childExit(exit: ChildExit): void {
    const facts = exitFacts(exit);
    this.#attempt?.failed();
    if (this.#parts.starting()) return this.close('start_failed', new CausewayError('server.start_failed', { facts }));
    this.close('child_exit', new CausewayError('server.exited', { facts }));
  }
}
