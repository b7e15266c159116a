/**
 * Owns one SSE response: its form, its heartbeat and its back-pressure.
 *
 * Invariants: events that come together, as from one bundle, are one write, unless they are very large; data is one line of JSON, ids and
 * event names come from fixed alphabets, so nothing can end a field early; a comment keeps a quiet stream alive, one
 * heartbeat after the last write, which is longer than TCP's keep-alive so that a vanished client is still noticed; `taken` is told only for what the socket took.
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '@causeway/runtime';
import { seeOut, type SeeOutDeps } from './see-out.ts';

export interface EventStreamOptions extends SeeOutDeps {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds that nothing may be written. */
  readonly heartbeat: number;
  /** The client's socket has taken everything up to this position. */
  readonly taken?: (seq: number) => void;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Frames, or bytes, after which credit is given back. */
const CREDIT_FRAMES = 16;
const CREDIT_BYTES = 256 * 1024;

/** Bytes of one write; only what is beyond it is cut. */
const SLICE = 512 * 1024;

/** Bytes of events that do not wait for others. */
const TOGETHER = 64 * 1024;

/** A line, and no event: the Java SDK reads only so many of the blank lines behind comments, then nothing more. */
const COMMENT = Buffer.from(': keepalive\n');
const END = '\n\n';
/** How the HTTP client of the JDK names itself, over which the Java SDK speaks. */
const JAVA = /^Java-http-client\//;

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

export class EventStream {
  readonly #res: ServerResponse;
  readonly #options: EventStreamOptions;
  #cancelHeartbeat: (() => void) | undefined;
  /** The moment of the last write. */
  #wrote: number;
  /** What the socket has not been given yet. */
  readonly #slices: Buffer[] = [];
  /** The position that credit is due for once the socket has taken everything. */
  #owed: number | undefined;
  #draining = false;
  /** The end was written, or waits among the slices. */
  #ending = false;
  /** What the client has credit for since it was told last: the newest position, frames, bytes. */
  #seq: number | undefined;
  #frames = 0;
  #bytes = 0;
  /** What leaves together with the next microtasks, fields (ASCII) and data, and its bytes. */
  #together: (string | Uint8Array)[] = [];
  #size = 0;
  #scheduled = false;

  constructor(res: ServerResponse, options: EventStreamOptions) {
    this.#res = res;
    this.#options = options;
    res.writeHead(200, { ...HEADERS, ...options.headers });
    res.once('close', () => this.#cancelHeartbeat?.());
    this.#wrote = options.clock.monotonic();
    this.#beat(options.heartbeat);
  }

  /**
   * An event with an id and no data: from here the client can resume (2025-11-25). Goes out with the next write. When to come
   * back is told here, too, but not to the Java SDK, which gives a stream up at a line that it does not know (ADR 27).
   */
  priming(id: string, retry: number): void {
    const told = JAVA.test(this.#res.req.headers['user-agent'] ?? '') ? '' : `retry: ${retry}\n`;
    this.#add(`id: ${id}\n${told}data: \n\n`);
  }

  /** Sends the headers, and the priming event if there is one, now: the client may be waiting for them. */
  begin(): void {
    if (this.#size > 0) this.#flush(false);
    else if (!this.#res.destroyed) this.#res.flushHeaders();
  }

  /** One message. `last` ends the stream with it. */
  message(
    bytes: Uint8Array,
    options: { readonly id?: string; readonly seq?: number; readonly event?: string; readonly last?: boolean } = {},
  ): void {
    const { id, event = 'message', last = false, seq } = options;
    if (this.#over) return;
    this.#add(id === undefined ? `event: ${event}\ndata: ` : `event: ${event}\nid: ${id}\ndata: `);
    this.#add(bytes);
    this.#add(END);
    if (last) return this.#flush(true);
    if (seq !== undefined) {
      this.#seq = seq;
      this.#frames += 1;
      this.#bytes += bytes.length;
    }
    if (this.#size >= TOGETHER) this.#flush(false);
    else this.#schedule();
  }

  /** Ends the response; idempotent. */
  end(): void {
    this.#cancelHeartbeat?.();
    if (this.#over) return;
    this.begin();
    if (this.#slices.length > 0) this.#ending = true;
    else this.#res.end();
    seeOut(this.#res, this.#options);
  }

  /** Tells the client when to come back, and ends. */
  dismiss(retry: number): void {
    this.#add(`retry: ${retry}\n\n`);
    this.#flush(true);
  }

  /** Nothing can be added any more. */
  get #over(): boolean {
    return this.#res.destroyed || this.#res.writableEnded || this.#ending;
  }

  #add(part: string | Uint8Array): void {
    this.#together.push(part);
    this.#size += part.length;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#size > 0) this.#flush(false);
    });
  }

  /** Writes what was added. What is large goes out in slices, each when the socket has taken the one before. */
  #flush(last: boolean): void {
    const [parts, size] = [this.#together, this.#size];
    this.#together = [];
    this.#size = 0;
    if (this.#over) return;
    const bytes = joined(parts, size);
    this.#ending = last;
    if (this.#slices.length === 0 && bytes.length <= SLICE) this.#put(bytes, last);
    else {
      for (let from = 0; from < bytes.length; from += SLICE) this.#slices.push(bytes.subarray(from, from + SLICE));
      this.#pump();
    }
    if (last) seeOut(this.#res, this.#options);
    else this.#credit();
  }

  #put(bytes: Buffer, last: boolean): void {
    if (!last) return this.#write(bytes);
    this.#cancelHeartbeat?.();
    this.#res.end(bytes);
  }

  #write(bytes: Buffer): void {
    this.#wrote = this.#options.clock.monotonic();
    this.#res.write(bytes);
  }

  #pump(): void {
    while (this.#slices.length > 0 && !this.#res.writableNeedDrain)
      this.#put(this.#slices.shift()!, this.#ending && this.#slices.length === 0);
    if (this.#slices.length > 0) this.#awaitDrain();
  }

  #credit(): void {
    const { taken } = this.#options;
    if (!taken || (this.#frames < CREDIT_FRAMES && this.#bytes < CREDIT_BYTES)) return;
    this.#frames = 0;
    this.#bytes = 0;
    this.#owed = this.#seq;
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

  /** One timer, which no write touches: where it finds that something was written meanwhile, it waits for the rest. */
  #beat(ms: number): void {
    const { clock, heartbeat, wheel } = this.#options;
    this.#cancelHeartbeat = wheel.after(ms, () => {
      const rest = this.#wrote + heartbeat - clock.monotonic();
      if (rest > 0) return this.#beat(rest);
      if (!this.#res.destroyed && !this.#res.writableNeedDrain) this.#write(COMMENT);
      this.#beat(heartbeat);
    });
  }
}

function joined(parts: readonly (string | Uint8Array)[], size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'string') bytes.write(part, at, 'latin1');
    else bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
