/**
 * Owns one HTTP response to a request of the stateless era, as its worker sees it: the stream that carries it, the
 * client's own id and token, and whether its reader keeps up.
 *
 * Invariants: it is answered exactly once, and nothing is said after that; an error that means "not executed" is told as
 * a refusal while nothing was sent, so that the edge can choose the status; a reader that does not move for `STALL`, or
 * that was overtaken (session/patience.ts) and for which more than the bound waits, is let go: it has left; so has one whose
 * edge is not found for `GRACE`.
 */
import { edgeOf, verdictOf, type ControlHead } from '@causeway/cluster';
import { answerTo, CausewayError, errorResponse, ERRORS, isLoud, oneLine, slice, splice, type Frame } from '@causeway/protocol';
import type { EdgeHold, EdgeHolder } from '../edges.ts';
import { tellMissed, type Reader } from '../session/patience.ts';
import { GRACE, STALL } from '../session/readers.ts';
import { Stream } from '../session/stream.ts';
import type { FrameFacts } from '../session/journal.ts';
import type { Asked, ResponseDeps, ResponseEvents } from './response-ports.ts';

export class Response implements EdgeHolder {
  readonly logLevel: Asked['logLevel'];
  readonly identity: string;
  readonly #deps: ResponseDeps;
  readonly #stream: Stream;
  readonly #id: Buffer;
  readonly #token: Buffer | undefined;
  readonly #ended: () => void;
  /** Of whoever waits for its end. */
  #gone: PromiseWithResolvers<void> | undefined;
  #events: ResponseEvents | undefined;
  #answered = false;
  #over = false;
  #lagging = false;
  /** Where it is sent, or was last, and the hold on that edge. */
  #at: string | undefined;
  #held: EdgeHold | undefined;
  #seen = 0;
  #cancelStall: () => void = () => undefined;
  /** While its edge is waited for. */
  #cancelGrace: (() => void) | undefined;

  /** `over`: nothing is kept of it any more. */
  constructor(deps: ResponseDeps, { head, body, logLevel, to }: Asked, over: () => void) {
    this.#deps = deps;
    this.#ended = over;
    this.logLevel = logLevel;
    this.identity = head.identity;
    this.#id = Buffer.from(slice(body, head.frame.id!));
    this.#token = head.frame.progressToken && Buffer.from(slice(body, head.frame.progressToken));
    this.#stream = new Stream(head.stream, 'call', deps.streamPorts, deps.streamLimits);
    this.#attachTo(to, 0);
  }

  /** The client's id, raw JSON. */
  get id(): Buffer {
    return this.#id;
  }

  get reader(): Reader {
    return this.#stream;
  }

  /** Nothing was sent yet: the status can still be chosen. */
  get untouched(): boolean {
    return this.#stream.newest === 0;
  }

  get answered(): boolean {
    return this.#answered;
  }

  /** Resolves when nothing is kept of it any more. */
  get ended(): Promise<void> {
    if (this.#over) return Promise.resolve();
    return (this.#gone ??= Promise.withResolvers<void>()).promise;
  }

  follow(events: ResponseEvents): void {
    this.#events = events;
  }

  /** The request is taken, and will be a while. */
  accepted(): void {
    if (this.untouched && this.#stream.to !== undefined) this.#deps.reply(this.#stream.to, { t: 'ok' });
  }

  /** Progress of the server for this call. */
  progress({ bytes, progressToken }: Frame): void {
    if (this.#token && progressToken) this.notify(splice(bytes, [{ span: progressToken, bytes: this.#token }]), { dispensable: 1 });
  }

  /** A log message, if the client wants such. */
  logged(frame: Frame): void {
    if (this.logLevel !== undefined && isLoud(frame, this.logLevel)) this.notify(frame.bytes, { dispensable: 'log' });
  }

  notify(bytes: Buffer, facts?: FrameFacts): void {
    if (this.#answered || bytes.length > this.#deps.maxMessage) return;
    this.#stream.append(oneLine(bytes), false, facts);
    if (this.#stream.overfull) this.#stalled();
    else this.#balance();
  }

  /** The one answer; `bytes` carry the client's id already. */
  answer(bytes: Buffer, { status, failed }: Pick<FrameFacts, 'status' | 'failed'> = {}): void {
    if (this.#answered) return;
    if (bytes.length > this.#deps.maxMessage) return this.fail(new CausewayError('server.reply_too_large'));
    this.#answered = true;
    this.#stream.append(oneLine(bytes), true, { status: this.untouched ? status : undefined, failed });
    this.#settle();
  }

  /** The answer with this result; raw JSON text. */
  result(text: string): void {
    this.answer(answerTo(this.#id.toString(), `"result":${text}`));
  }

  fail(error: CausewayError): void {
    if (this.#answered) return;
    const { to } = this.#stream;
    if (this.untouched && to !== undefined && ERRORS[error.reason].http !== 200) {
      this.#answered = true;
      this.#deps.reply(to, verdictOf(error));
      this.#stream.detach();
      return this.#end();
    }
    this.#deps.log.info({ ref: error.ref, reason: error.reason }, 'call failed');
    this.answer(errorResponse(this.#id.toString(), error), { failed: error.reason });
  }

  /** Ends it without an answer: its client is told by its edge. */
  break(): void {
    if (this.#over) return;
    this.#answered = true;
    this.#stream.finish('session_ended');
    this.#end();
  }

  /** A word of its edge about the stream. */
  control({ t, to, seq, after, identity }: ControlHead, reply: string | undefined): void {
    if (identity !== this.identity) return;
    if (t === 'attach' && reply !== undefined) this.#attach(after ?? 0, reply);
    else if (t === 'credit' && to === this.#stream.to && seq !== undefined) this.#credited(seq);
    else if (t === 'detach' && to === this.#stream.reader) this.#left();
  }

  /** A frame reached nobody. `disowned`: its edge is there, and waits for nothing. */
  lost(attachment: number, seq: number, disowned: boolean): void {
    if (!this.#stream.undelivered(attachment, seq)) return;
    if (disowned) this.#left();
    else this.#awaitEdge();
  }

  edgeLost(edge: string): void {
    if (this.#at === undefined || edgeOf(this.#at).edge !== edge) return;
    this.#stream.detach();
    this.#awaitEdge();
  }

  /** The bus is back: what waited is sent. */
  resume(): void {
    this.#stream.pump();
    this.#stream.ask();
    this.#settle();
  }

  #attach(after: number, reply: string): void {
    if (!this.#stream.covers(after)) return this.#deps.reply(reply, verdictOf(new CausewayError('request.event_id')));
    this.#deps.reply(reply, { t: 'ok' });
    this.#attachTo(reply, after);
    this.#settle();
  }

  /** An edge that lost its connection asks for the rest as soon as it is back; one that is gone does not. */
  #awaitEdge(): void {
    this.#letGo();
    this.#balance();
    this.#cancelGrace ??= this.#deps.wheel.after(GRACE, () => this.#left());
  }

  #attachTo(to: string, after: number): void {
    this.#letGo();
    this.#cancelGrace?.();
    this.#cancelGrace = undefined;
    this.#at = to;
    this.#held = this.#deps.edges.hold(to, this);
    this.#stream.attach(to, after);
  }

  #letGo(): void {
    if (this.#held) this.#deps.edges.release(this.#held);
    this.#at = this.#held = undefined;
  }

  #credited(seq: number): void {
    this.#stream.credit(seq);
    this.#balance();
    this.#settle();
  }

  /** Whoever waited for it does not any more. */
  #left(): void {
    this.#answered = true;
    this.#stream.detach();
    this.#events?.left();
    this.#end();
  }

  #balance(): void {
    const { blocked } = this.#stream;
    if (blocked === this.#lagging) return;
    this.#lagging = blocked;
    this.#events?.lagChanged();
    this.#cancelStall();
    if (blocked) this.#watch();
    else tellMissed(this.#stream, this.#deps.log);
  }

  #watch(): void {
    this.#seen = this.#stream.moved;
    this.#cancelStall = this.#deps.wheel.after(STALL, () => {
      if (this.#stream.moved !== this.#seen) this.#watch();
      else this.#stalled();
    });
  }

  #stalled(): void {
    this.#stream.release('stalled');
    this.#left();
  }

  /** Held until its last frame was sent. */
  #settle(): void {
    if (this.#answered && !this.#stream.blocked && !this.#cancelGrace) this.#end(true);
    else this.#balance();
  }

  #end(sent = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelGrace?.();
    this.#letGo();
    this.#balance();
    if (sent) this.#deps.sent.add(this.#stream, this.identity);
    else this.#stream.discard();
    this.#ended();
    this.#gone?.resolve();
  }
}
