/**
 * Owns a child's stdin: frames wait here, not in the stream, so that what waits can be counted.
 *
 * Invariants:
 *  1. Frames reach the child whole and in order, each followed by a line feed.
 *  2. At most `bytes` and `frames` wait (a single frame larger than `bytes` is let in when nothing else waits).
 *  3. Frames of one turn of the event loop leave in one write, and one write is under way at a time.
 *  4. Nothing is written but in the turn in which the child may be touched, and nothing that was taken before a long stop.
 *  5. `broken` is told at most once, and never after `end` or `close`.
 */
import type { Writable } from 'node:stream';
import type { ChildRight } from './child.ts';
import { hear } from './pipe.ts';

export interface InputLimits {
  readonly bytes: number;
  readonly frames: number;
  /** Longest time in milliseconds that one write may take while the child's own output is being read. */
  readonly stall: number;
}

export interface Input {
  /** False: full or closed; nothing was taken. The bytes belong to the input until they are written. */
  write(frame: Uint8Array): boolean;
  /** As `Child.flush`. */
  flush(): void;
  /** A child that may not write its output cannot be blamed for not reading: the stall clock stands still while held. */
  hold(held: boolean): void;
  /** What waits is still written, if it may be, then the child sees the end of its stdin. */
  end(): void;
  /** The child is gone: nothing is written or told any more. */
  close(): void;
}

export interface InputListeners {
  /** As `ChildListeners.right`. */
  readonly right: ChildRight | undefined;
  broken(why: 'stdin_stalled' | 'stdin_closed'): void;
}

const FREE: ChildRight = { mayTouch: () => true, stops: () => 0, late: () => undefined };
/** How long a failed write waits for the news that the child has ended, which explains it better. */
const GRACE = 100;
const LINE_FEED = 0x0a;

export function openInput(stdin: Writable, limits: InputLimits, listeners: InputListeners): Input {
  return new StdinQueue(stdin, limits, listeners);
}

class StdinQueue implements Input {
  readonly #stdin: Writable;
  readonly #limits: InputLimits;
  readonly #right: ChildRight;
  readonly #listeners: InputListeners;
  readonly #deafen: () => void;
  #waiting: Uint8Array[] = [];
  /** `ChildRight.stops` when the oldest of these was taken. */
  #stops = 0;
  /** Counts what waits and what is being written. */
  #bytes = 0;
  #frames = 0;
  #writing = false;
  #scheduled: NodeJS.Immediate | undefined;
  #stall: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;
  #held = false;
  #state: 'open' | 'ending' | 'failed' | 'closed' = 'open';

  constructor(stdin: Writable, limits: InputLimits, listeners: InputListeners) {
    this.#stdin = stdin;
    this.#limits = limits;
    this.#right = listeners.right ?? FREE;
    this.#listeners = listeners;
    this.#deafen = hear(stdin, { error: () => this.#failed() });
  }

  write(frame: Uint8Array): boolean {
    if (this.#state !== 'open' || this.#grace !== undefined) return false;
    const bytes = frame.length + 1;
    const full = this.#frames >= this.#limits.frames || this.#bytes + bytes > this.#limits.bytes;
    if (full && this.#frames > 0) return false;
    if (this.#waiting.length === 0) this.#stops = this.#right.stops();
    this.#waiting.push(frame);
    this.#bytes += bytes;
    this.#frames += 1;
    if (!this.#writing) this.#scheduled ??= setImmediate(() => this.#next());
    return true;
  }

  flush(): void {
    if (!this.#writing && this.#state === 'open') this.#next();
  }

  hold(held: boolean): void {
    this.#held = held;
    this.#watch();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#watch();
    if (!this.#writing) this.#next();
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#stall);
    clearTimeout(this.#grace);
    clearImmediate(this.#scheduled);
    this.#waiting = [];
    this.#deafen();
    this.#stdin.destroy();
  }

  #next(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    if (this.#waiting.length > 0 && !this.#mayWrite()) {
      if (this.#state !== 'ending') return;
      this.#waiting = [];
    }
    if (this.#waiting.length === 0) {
      if (this.#state === 'ending') this.#stdin.end();
      return;
    }
    const frames = this.#waiting;
    const bytes = frames.reduce((sum, frame) => sum + frame.length + 1, 0);
    this.#waiting = [];
    this.#writing = true;
    this.#stdin.write(asLines(frames, bytes), (error) => this.#written(frames.length, bytes, error));
    this.#watch();
  }

  #mayWrite(): boolean {
    if (!this.#right.mayTouch()) return false;
    if (this.#stops === this.#right.stops()) return true;
    this.#waiting = [];
    if (this.#state === 'open') this.#right.late();
    return false;
  }

  #written(frames: number, bytes: number, error: Error | null | undefined): void {
    this.#writing = false;
    this.#frames -= frames;
    this.#bytes -= bytes;
    if (error) {
      this.#failed();
    } else if (this.#state === 'open' || this.#state === 'ending') {
      this.#watch();
      this.#next();
    }
  }

  /** Runs the stall clock exactly while a write is under way that the child could finish. Nearly always the pipe has taken it at once. */
  #watch(): void {
    clearTimeout(this.#stall);
    this.#stall = undefined;
    if (!this.#writing || this.#stdin.writableLength === 0 || this.#held || this.#state !== 'open') return;
    this.#stall = setTimeout(() => this.#fail('stdin_stalled'), this.#limits.stall);
  }

  #failed(): void {
    if (this.#state !== 'open' || this.#grace !== undefined) return;
    this.#grace = setTimeout(() => this.#fail('stdin_closed'), GRACE);
  }

  #fail(why: 'stdin_stalled' | 'stdin_closed'): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    clearTimeout(this.#stall);
    this.#listeners.broken(why);
  }
}

/** `size`: bytes of all lines. */
function asLines(frames: readonly Uint8Array[], size: number): Buffer {
  const lines = Buffer.allocUnsafe(size);
  let at = 0;
  for (const frame of frames) {
    lines.set(frame, at);
    at += frame.length + 1;
    lines[at - 1] = LINE_FEED;
  }
  return lines;
}
