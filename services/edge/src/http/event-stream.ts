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
const SLICE = 512 * 1024;

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
  /** What the socket has not been given yet. */
  readonly #slices: Buffer[] = [];
  /** The position that credit is due for once the socket has taken everything. */
  #owed: number | undefined;
  #draining = false;
  /** The end was written, or waits among the slices. */
  #ending = false;
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
    if (this.#slices.length > 0) this.#ending = true;
    else if (!this.#res.writableEnded) this.#res.end();
  }

  /** Tells the client when to come back, and ends. */
  dismiss(retry: number): void {
    this.#write(Buffer.from(`retry: ${retry}\n\n`), true);
  }

  /** Large messages go out in slices, each when the socket has taken the one before. */
  #write(bytes: Buffer, last: boolean): void {
    if (this.#res.destroyed || this.#res.writableEnded || this.#ending) return;
    this.#quiet = false;
    this.#ending = last;
    if (this.#slices.length === 0 && bytes.length <= SLICE) return this.#put(bytes, last);
    for (let from = 0; from < bytes.length; from += SLICE) this.#slices.push(bytes.subarray(from, from + SLICE));
    this.#pump();
  }

  #put(bytes: Buffer, last: boolean): void {
    if (!last) return void this.#res.write(bytes);
    this.#cancelHeartbeat?.();
    this.#res.end(bytes);
  }

  #pump(): void {
    while (this.#slices.length > 0 && !this.#res.writableNeedDrain)
      this.#put(this.#slices.shift()!, this.#ending && this.#slices.length === 0);
    if (this.#slices.length > 0) this.#awaitDrain();
  }

  #credit(seq: number, bytes: number): void {
    this.#frames += 1;
    this.#bytes += bytes;
    const { taken } = this.#options;
    if (!taken || (this.#frames < CREDIT_FRAMES && this.#bytes < CREDIT_BYTES)) return;
    this.#frames = 0;
    this.#bytes = 0;
    this.#owed = seq;
    if (this.#slices.length > 0 || this.#res.writableNeedDrain) this.#awaitDrain();
    else this.#pay();
  }

  #pay(): void {
    if (this.#owed === undefined) return;
    this.#options.taken?.(this.#owed);
    this.#owed = undefined;
  }

  /** A reader that takes its time shows with every slice that it is at it: the worker is told its old position again. */
  #awaitDrain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#res.once('drain', () => {
      this.#draining = false;
      this.#pump();
      if (this.#slices.length === 0) this.#pay();
      else if (this.#owed !== undefined) this.#options.taken?.(this.#owed - 1);
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
