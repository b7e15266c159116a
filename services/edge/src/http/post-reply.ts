/**
 * Owns the answer to one POST that carries requests: JSON when the answer comes first and alone, else an
 * SSE stream; a status of its own while nothing was sent, an error inside the answer afterwards.
 *
 * Invariants: every request gets exactly one answer or one error, unless its client left or cancelled it;
 * a stream is never closed without; nothing is written after the end; a stream is begun only once the
 * worker has accepted the call, since a refusal needs its status; the status of a refusal is one of the whole POST, of which nothing
 * was taken then.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { DownHead } from '@causeway/cluster';
import { type CausewayError, ERRORS, errorResponse, formatEventId, isReason } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { EventStream } from './event-stream.ts';
import { noteRefusal, refuse } from './refusal.ts';
import { seeOut } from './see-out.ts';

/** The requests that are answered, and what is done with their answers. */
export interface Posted {
  /** How many requests there are. */
  readonly requests: number;
  /** They came in an array, and so does an answer that comes alone. Default false. */
  readonly batch?: boolean;
  /** Raw JSON id of one of them, by its place. */
  idOf(nth: number): string;
  readonly server: string;
  /** Its method; `undefined` of one that lasts: its duration says nothing. */
  methodOf(nth: number): string | undefined;
  /** What figures call the tool or prompt that it names, where they tell them apart. */
  labelOf?(nth: number): string | undefined;
  /** Name of the stream that the answers ride. */
  readonly stream: string;
  /** Begin a stream with a priming event. Default false. */
  readonly priming?: boolean;
  /** Events have ids, from which a client can resume. Default true. */
  readonly resumable?: boolean;
  /** The worker has taken the request, as far as can be known before it says so. Default false. */
  readonly accepted?: boolean;
  /** Answer by a stream even when the answer comes first, and begin it as soon as the request is accepted. Default false. */
  readonly eager?: boolean;
  /** `Mcp-Session-Id` of a session that this answer opens. */
  opened?(): string | undefined;
  /** The client's socket has taken everything up to this position. */
  taken?(seq: number): void;
  /** The client left before the end. */
  left(): void;
  /** The last answer was given. */
  finished(): void;
}

/** Milliseconds that an answer may take before its stream is begun without it. */
const HOLD = 2_000;

const [OPEN, CLOSE] = [Buffer.from('['), Buffer.from(']')];

export class PostReply {
  readonly #edge: EdgeContext;
  readonly #res: ServerResponse;
  readonly #posted: Posted;
  /** Places of the requests that have their answers while others wait. */
  #answered: Set<number> | undefined;
  /** How many of them were not taken, the first reason why, and whether nothing was that came with them. */
  #refused: { readonly count: number; readonly error: CausewayError; readonly whole: boolean } | undefined;
  #events: EventStream | undefined;
  #done = false;
  readonly #begun: number;
  readonly #cancelHold: () => void;
  #accepted: boolean;
  /** The answer has taken long enough for a stream. */
  #late: boolean;

  constructor(edge: EdgeContext, res: ServerResponse, posted: Posted) {
    this.#edge = edge;
    this.#res = res;
    this.#posted = posted;
    this.#accepted = posted.accepted === true;
    this.#late = posted.eager === true;
    this.#begun = edge.clock.monotonic();
    this.#cancelHold = edge.wheel.after(HOLD, () => {
      this.#late = true;
      this.#begin();
    });
    res.on('close', () => {
      if (this.#done) return;
      posted.left();
      this.#countAll('client_left');
      this.#finish();
    });
  }

  get done(): boolean {
    return this.#done;
  }

  /** The worker has taken the request. */
  accepted(): void {
    this.#accepted = true;
    this.#begin();
  }

  /** A message of the server at its position in the stream. */
  message(head: Extract<DownHead, { t: 'server' }>, bytes: Buffer): void {
    if (this.#done) return;
    const { requests, eager, resumable, stream } = this.#posted;
    const last = head.last === true;
    const nth = head.index ?? (last ? 0 : undefined);
    if (nth !== undefined) this.#count(nth, head.failed);
    if (isReason(head.failed)) this.#edge.told.count(head.failed);
    if (last && !this.#events && eager !== true && requests === 1) return this.#json(head.status ?? 200, this.#alone(bytes));
    if (nth !== undefined && requests > 1) (this.#answered ??= new Set()).add(nth);
    const id = resumable === false ? {} : { id: formatEventId(stream, head.seq) };
    this.#stream().message(bytes, { ...id, seq: head.seq, last });
    if (!last) return this.#settle();
    // Of a batch, what has no answer by now was cancelled.
    if (requests > 1) this.#countAll('cancelled');
    this.#finish();
  }

  /** A last message of this edge's own. */
  conclude(bytes: Buffer): void {
    if (this.#done) return;
    this.#stream().message(bytes, { last: true });
    this.#finish();
  }

  /** One of the requests was not taken. Which one shows when all others are answered. `whole`: nor was anything that came with them. */
  refused(error: CausewayError, whole: boolean): void {
    const { count, error: first } = this.#refused ?? { count: 0, error };
    this.#refused = { count: count + 1, error: first, whole };
    this.#settle();
  }

  #settle(): void {
    if (!this.#refused) return;
    const { count, error, whole } = this.#refused;
    if (count + (this.#answered?.size ?? 0) >= this.#posted.requests) this.fail(error, whole);
  }

  /** What was asked failed: every request that has no answer yet gets this error. `whole`: so did all that came with them. */
  fail(error: CausewayError, whole = true): void {
    if (this.#done) return;
    const { requests } = this.#posted;
    const ids = this.#unanswered().map((nth) => this.#posted.idOf(nth));
    this.#countAll(error.reason);
    if (!this.#events && whole && (ERRORS[error.reason].http !== 200 || requests === 1)) {
      const id = ids.length === 1 ? ids[0] : undefined;
      const answer = ERRORS[error.reason].http === 200 ? { body: this.#alone(errorResponse(id, error)) } : {};
      refuse(this.#res, error, { teller: this.#edge, id, ...answer });
      return this.#finish();
    }
    noteRefusal(this.#edge, error, this.#res.req.socket);
    for (const id of ids) this.#stream().message(errorResponse(id, error));
    this.#close();
  }

  /** The stream is over without a further message: whoever asked has cancelled it, or hears no more of it here. */
  end(failed: 'cancelled' | 'client_left'): void {
    if (this.#done) return;
    this.#countAll(failed);
    this.#close();
  }

  /** Sends the client away, to come back for the rest with the id of an event. `false`: it has none, or would not come back. */
  dismiss(): boolean {
    if (this.#done || !this.#events || this.#posted.priming !== true) return false;
    this.#countAll('client_left');
    this.#events.dismiss(this.#edge.options.streams.retry);
    this.#finish();
    return true;
  }

  /** The stream breaks off: an error in it would be misunderstood. */
  breakOff(error: CausewayError): void {
    if (this.#done) return;
    this.#countAll(error.reason);
    noteRefusal(this.#edge, error, this.#res.req.socket);
    this.#finish();
    this.#res.destroy();
  }

  #close(): void {
    this.#stream().end();
    this.#finish();
  }

  #begin(): void {
    if (!this.#done && !this.#events && this.#accepted && this.#late) this.#stream().begin();
  }

  #stream(): EventStream {
    if (this.#events) return this.#events;
    this.#cancelHold();
    const { heartbeat, retry } = this.#edge.options.streams;
    const session = this.#posted.opened?.();
    this.#events = new EventStream(this.#res, {
      clock: this.#edge.clock,
      wheel: this.#edge.wheel,
      untaken: this.#edge.untaken,
      heartbeat,
      taken: (seq) => this.#posted.taken?.(seq),
      ...(session === undefined ? {} : { headers: { 'mcp-session-id': session } }),
    });
    if (this.#posted.priming) this.#events.priming(formatEventId(this.#posted.stream, 0), retry);
    return this.#events;
  }

  /** The one answer as it goes out without a stream. */
  #alone(answer: Buffer): Buffer {
    return this.#posted.batch ? Buffer.concat([OPEN, answer, CLOSE]) : answer;
  }

  #json(status: number, body: Buffer): void {
    const headers: OutgoingHttpHeaders = { 'content-type': 'application/json', 'content-length': body.length, 'cache-control': 'no-store' };
    const session = this.#posted.opened?.();
    if (session !== undefined) headers['mcp-session-id'] = session;
    this.#res.writeHead(status, headers).end(body);
    seeOut(this.#res, this.#edge);
    this.#finish();
  }

  /** The places of the requests without an answer. */
  #unanswered(): readonly number[] {
    return Array.from({ length: this.#posted.requests }, (_, nth) => nth).filter((nth) => this.#answered?.has(nth) !== true);
  }

  #countAll(failed: string): void {
    for (const nth of this.#unanswered()) this.#count(nth, failed);
  }

  /** `failed`: as figures name it. */
  #count(nth: number, failed: string | undefined): void {
    const method = this.#posted.methodOf(nth);
    if (method === undefined) return;
    this.#edge.durations.record(this.#posted.server, method, failed, this.#begun, this.#posted.labelOf?.(nth));
  }

  #finish(): void {
    this.#done = true;
    this.#cancelHold();
    this.#posted.finished();
  }
}
