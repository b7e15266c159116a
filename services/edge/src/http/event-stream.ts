/**
 * Owns one SSE response: its form, its heartbeat and its back-pressure.
 *
 * Invariants: one write per event, unless it is very large; data is one line of JSON, ids and event names come from fixed alphabets,
 * so nothing can end a field early; a comment keeps a quiet stream alive, at an interval longer than TCP's
 * keep-alive so that a vanished client is still noticed; `taken` is told only for what the socket took.
 */
import type { ServerResponse } from 'node:http';
import type { Wheel } from '@causeway/runtime';

export interface EventStreamOptions {
  readonly wheel: Wheel;
  /** Milliseconds between comments on a quiet stream. */
  readonly heartbeat: number;
  /** The client's socket has taken everything up to this position. */
  readonly taken?: (seq: number) => void;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Frames, or bytes, after which credit is given back. */
const CREDIT_FRAMES = 16;
const CREDIT_BYTES = 256 * 1024;

/** Bytes of one write; only messages beyond it are cut. */
const SLICE = 1024 * 1024;
/** Milliseconds between words about a socket that takes its time. */
const PROGRESS = 5_000;

const COMMENT = Buffer.from(': keepalive\n\n');
const END = Buffer.from('\n\n');

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  connection: 'keep-alive',
  'x-accel-buffering': 'no',
};

export class EventStream {
  readonly #res: ServerResponse;
  readonly #options: EventStreamOptions;
  #cancelHeartbeat: (() => void) | undefined;
  #quiet = true;
  #frames = 0;
  #bytes = 0;
  #waiting: Buffer[] = [];

  constructor(res: ServerResponse, options: EventStreamOptions) {
    this.#res = res;
    this.#options = options;
    res.writeHead(200, { ...HEADERS, ...options.headers });
    res.once('close', () => this.#cancelHeartbeat?.());
    this.#beat();
  }

  /** An event with an id and no data: from here the client can resume (2025-11-25). Goes out with the next write. */
  priming(id: string, retry: number): void {
    this.#waiting.push(Buffer.from(`id: ${id}\nretry: ${retry}\ndata: \n\n`));
  }

  /** Sends the headers, and the priming event if there is one, now: the client may be waiting for them. */
  begin(): void {
    if (this.#waiting.length > 0) this.#write(Buffer.concat(this.#waiting.splice(0)), false);
    else if (!this.#res.destroyed) this.#res.flushHeaders();
  }

  /** One message. `last` ends the stream with it. */
  message(
    bytes: Uint8Array,
    options: { readonly id?: string; readonly seq?: number; readonly event?: string; readonly last?: boolean } = {},
  ): void {
    const { id, event = 'message', last = false, seq } = options;
    const head = Buffer.from(id === undefined ? `event: ${event}\ndata: ` : `event: ${event}\nid: ${id}\ndata: `);
    this.#write(Buffer.concat([...this.#waiting.splice(0), head, bytes, END]), last);
    if (seq !== undefined && !last) this.#credit(seq, bytes.length);
  }

  /** Ends the response; idempotent. */
  end(): void {
    this.#cancelHeartbeat?.();
    this.begin();
    if (!this.#res.writableEnded) this.#res.end();
  }

  /** Tells the client when to come back, and ends. */
  retire(retry: number): void {
    this.#write(Buffer.from(`retry: ${retry}\n\n`), true);
  }

  #write(bytes: Buffer, last: boolean): void {
    if (this.#res.destroyed || this.#res.writableEnded) return;
    this.#quiet = false;
    let from = 0;
    // In slices, so that it can be seen how far a slow reader has come.
    for (; bytes.length - from > SLICE; from += SLICE) this.#res.write(bytes.subarray(from, from + SLICE));
    const rest = from === 0 ? bytes : bytes.subarray(from);
    if (!last) return void this.#res.write(rest);
    this.#cancelHeartbeat?.();
    this.#res.end(rest);
  }

  #credit(seq: number, bytes: number): void {
    this.#frames += 1;
    this.#bytes += bytes;
    const { taken } = this.#options;
    if (!taken || (this.#frames < CREDIT_FRAMES && this.#bytes < CREDIT_BYTES)) return;
    this.#frames = 0;
    this.#bytes = 0;
    if (this.#res.writableNeedDrain) this.#awaitDrain(seq, taken);
    else taken(seq);
  }

  /** Until the socket has taken everything, the worker hears now and then that it is at it: a slow reader is no dead one. */
  #awaitDrain(seq: number, taken: (seq: number) => void): void {
    let left = this.#res.writableLength;
    const look = (): (() => void) =>
      this.#options.wheel.after(PROGRESS, () => {
        const now = this.#res.writableLength;
        if (now < left) taken(seq - 1);
        left = now;
        cancel = look();
      });
    let cancel = look();
    this.#res.once('close', () => cancel());
    this.#res.once('drain', () => {
      cancel();
      taken(seq);
    });
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#options.wheel.after(this.#options.heartbeat, () => {
      if (this.#quiet && !this.#res.destroyed && !this.#res.writableNeedDrain) this.#res.write(COMMENT);
      this.#quiet = true;
      this.#beat();
    });
  }
}
