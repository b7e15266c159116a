/**
 * Owns the answer to one POST that carries requests: JSON when the answer comes first and alone, else an
 * SSE stream; a status of its own while nothing was sent, an error inside the answer afterwards.
 *
 * Invariants: every request gets exactly one answer or one error, unless its client left or cancelled it;
 * a stream is never closed without; nothing is written after the end; a stream is begun only once the
 * worker has accepted the call, since a refusal needs its status.
 */
import type { ServerResponse } from 'node:http';
import type { DownHead } from '@causeway/cluster';
import { type CausewayError, ERRORS, errorResponse, formatEventId } from '@causeway/protocol';
import type { Log } from '@causeway/runtime';
import { EventStream, type EventStreamOptions } from './event-stream.ts';
import { logRefusal, refuse } from './refusal.ts';

export interface PostReplyOptions extends Omit<EventStreamOptions, 'headers'> {
  /** Raw JSON ids of the requests, in their order. */
  readonly ids: readonly string[];
  /** Name of the stream that the answers ride. */
  readonly stream: string;
  /** Begin a stream with a priming event. */
  readonly priming: boolean;
  /** Events have ids, from which a client can resume. Default true. */
  readonly resumable?: boolean;
  /** The worker has taken the request, as far as can be known before it says so. */
  readonly accepted: boolean;
  /** Answer by a stream even when the answer comes first, and begin it as soon as the request is accepted. */
  readonly eager: boolean;
  readonly log: Log;
  /** Milliseconds: the `retry` field. */
  readonly retry: number;
  /** `Mcp-Session-Id` of a session that this answer opens. */
  readonly session?: () => string | undefined;
  /** The client left before the end. */
  readonly left: () => void;
  /** The last answer was given. */
  readonly finished: () => void;
}

/** Milliseconds that an answer may take before its stream is begun without it. */
const HOLD = 2_000;

export class PostReply {
  readonly #res: ServerResponse;
  readonly #options: PostReplyOptions;
  readonly #unanswered: Set<number>;
  #events: EventStream | undefined;
  #done = false;
  readonly #cancelHold: () => void;
  #accepted: boolean;
  /** The answer has taken long enough for a stream. */
  #late: boolean;

  constructor(res: ServerResponse, options: PostReplyOptions) {
    this.#res = res;
    this.#options = options;
    this.#unanswered = new Set(options.ids.keys());
    this.#accepted = options.accepted;
    this.#late = options.eager;
    this.#cancelHold = options.wheel.after(HOLD, () => {
      this.#late = true;
      this.#begin();
    });
    res.once('close', () => {
      if (this.#done) return;
      options.left();
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
    const last = head.last === true;
    if (head.index !== undefined) this.#unanswered.delete(head.index);
    if (last && !this.#events && !this.#options.eager && this.#options.ids.length === 1) return this.#json(head.status ?? 200, bytes);
    const id = this.#options.resumable === false ? {} : { id: formatEventId(this.#options.stream, head.seq) };
    this.#stream().message(bytes, { ...id, seq: head.seq, last });
    if (last) this.#finish();
  }

  /** A last message of this edge's own. */
  conclude(bytes: Buffer): void {
    if (this.#done) return;
    this.#stream().message(bytes, { last: true });
    this.#finish();
  }

  /** What was asked failed: every request that has no answer yet gets this error. */
  fail(error: CausewayError): void {
    if (this.#done) return;
    const [first, ...more] = [...this.#unanswered].map((at) => this.#options.ids[at]!);
    if (!this.#events && (ERRORS[error.reason].http !== 200 || this.#options.ids.length === 1)) {
      refuse(this.#res, error, { log: this.#options.log, id: more.length === 0 ? first : undefined });
      return this.#finish();
    }
    logRefusal(this.#options.log, error);
    for (const id of [first, ...more]) this.#stream().message(errorResponse(id, error));
    this.end();
  }

  /** The stream is over without a further message. */
  end(): void {
    if (this.#done) return;
    this.#stream().end();
    this.#finish();
  }

  #begin(): void {
    if (!this.#done && !this.#events && this.#accepted && this.#late) this.#stream().begin();
  }

  #stream(): EventStream {
    if (this.#events) return this.#events;
    this.#cancelHold();
    const session = this.#options.session?.();
    this.#events = new EventStream(this.#res, {
      ...this.#options,
      ...(session === undefined ? {} : { headers: { 'mcp-session-id': session } }),
    });
    if (this.#options.priming) this.#events.priming(formatEventId(this.#options.stream, 0), this.#options.retry);
    return this.#events;
  }

  #json(status: number, body: Buffer): void {
    const session = this.#options.session?.();
    this.#res.writeHead(status, {
      'content-type': 'application/json',
      'content-length': body.length,
      'cache-control': 'no-store',
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
    });
    this.#res.end(body);
    this.#finish();
  }

  #finish(): void {
    this.#done = true;
    this.#cancelHold();
    this.#options.finished();
  }
}
