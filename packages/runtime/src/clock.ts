/**
 * Owns time: the two clocks and the wheel that holds very many deadlines on one timer.
 *
 * Invariants of a wheel:
 *  1. A deadline never fires early, and at most once; after its cancel it never fires.
 *  2. Adding and cancelling take constant time, however many deadlines there are.
 *  3. It has one timer, never more, and none while nothing is scheduled; the timer keeps no process alive.
 *  4. It wakes for the earliest of the deadlines that are near, as it was when it last woke; for distant ones about once a second.
 *
 * A test's clock and wheel are in `fake-time.ts`.
 */

import { Chain, type Link } from './chain.ts';

export interface Clock {
  /** Milliseconds since 1970; may jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. Fractions are possible. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

export interface Wheel extends Disposable {
  /**
   * Calls `fn` once, `ms` milliseconds from now or up to two ticks later. Returns the cancel, which may be called
   * at any time and more than once. What `fn` throws becomes an uncaught exception, as with `setTimeout`,
   * and delays no other deadline.
   */
  after(ms: number, fn: () => void): () => void;
  /** Deadlines that are scheduled. */
  readonly size: number;
}

export interface WheelOptions {
  /** Milliseconds of a tick: what falls due within one fires together. Default 10. */
  readonly tick?: number;
  /** Default the system's. */
  readonly clock?: Clock;
  /** Calls back once after so many milliseconds; returns the cancel. Default an unref'd `setTimeout`; a test gives its own. */
  readonly timer?: (fn: () => void, ms: number) => () => void;
}

interface Entry {
  readonly fn: () => void;
  /** Tick at which it fires. */
  readonly due: number;
  /** Its place in the bucket that it waits in. */
  link: Link<Entry> | undefined;
}

/** Ticks that one distant bucket spans: with the default tick, about a second. */
const SPAN = 128;

export function createWheel(options: WheelOptions = {}): Wheel {
  return new TimerWheel(options);
}

function systemTimer(fn: () => void, ms: number): () => void {
  const timer = setTimeout(fn, ms).unref();
  return () => clearTimeout(timer);
}

class TimerWheel implements Wheel {
  readonly #tick: number;
  readonly #clock: Clock;
  readonly #setTimer: (fn: () => void, ms: number) => () => void;
  readonly #start: number;
  /** Entries by the tick at which they fire: everything due before the end of the present span. */
  readonly #near = new Map<number, Chain<Entry>>();
  /** Entries by span (tick / SPAN): they move to `near` when their span begins. */
  readonly #far = new Map<number, Chain<Entry>>();
  #nearCount = 0;
  #farCount = 0;
  /** The last tick that was handled. */
  #at = 0;
  /** Cancels the timer that is set. */
  #timer: (() => void) | undefined;
  #wake = Infinity;

  constructor(options: WheelOptions) {
    this.#tick = options.tick ?? 10;
    this.#clock = options.clock ?? systemClock;
    this.#setTimer = options.timer ?? systemTimer;
    this.#start = this.#clock.monotonic();
  }

  get size(): number {
    return this.#nearCount + this.#farCount;
  }

  after(ms: number, fn: () => void): () => void {
    const elapsed = this.#clock.monotonic() - this.#start;
    // With nothing scheduled the wheel stood still: it takes up from the present.
    if (this.size === 0 && this.#timer === undefined) this.#at = Math.floor(elapsed / this.#tick);
    const due = Math.max(Math.ceil((elapsed + Math.max(0, ms)) / this.#tick), this.#at + 1);
    const entry: Entry = { fn, due, link: undefined };
    this.#arm(this.#place(entry) ? due : this.#nextSpan(), elapsed);
    return () => this.#cancel(entry);
  }

  /** Whether it is near. */
  #place(entry: Entry): boolean {
    const span = Math.floor(entry.due / SPAN);
    const near = span <= Math.floor(this.#at / SPAN);
    const map = near ? this.#near : this.#far;
    const key = near ? entry.due : span;
    let bucket = map.get(key);
    if (bucket === undefined) map.set(key, (bucket = new Chain()));
    entry.link = bucket.add(entry);
    if (near) this.#nearCount += 1;
    else this.#farCount += 1;
    return near;
  }

  #cancel(entry: Entry): void {
    if (entry.link === undefined) return;
    entry.link.chain?.remove(entry.link);
    entry.link = undefined;
    if (Math.floor(entry.due / SPAN) <= Math.floor(this.#at / SPAN)) this.#nearCount -= 1;
    else this.#farCount -= 1;
  }

  /** The first tick of the span after the present one. */
  #nextSpan(): number {
    return (Math.floor(this.#at / SPAN) + 1) * SPAN;
  }

  /** The next tick that matters: that of the earliest near deadline, or the next span's first. */
  #next(): number {
    const end = this.#nextSpan();
    if (this.#nearCount === 0) return end;
    let tick = this.#at + 1;
    while (tick < end && !this.#near.get(tick)?.first) tick += 1;
    return tick;
  }

  /** Sees to it that the timer fires at that tick, or before. */
  #arm(tick: number, elapsed: number): void {
    if (this.#timer !== undefined && this.#wake <= tick) return;
    this.#timer?.();
    this.#wake = tick;
    this.#timer = this.#setTimer(this.#turn, Math.max(1, Math.ceil(tick * this.#tick - elapsed)));
  }

  readonly #turn = (): void => {
    this.#timer = undefined;
    const target = Math.floor((this.#clock.monotonic() - this.#start) / this.#tick);
    try {
      while (this.#at < target && this.size > 0) {
        // Without near deadlines whole spans pass at once, however long the process was held up.
        const last = Math.floor(this.#at / SPAN) * SPAN + SPAN - 1;
        if (this.#nearCount === 0 && this.#at < last) this.#at = Math.min(last, target);
        else this.#step();
      }
    } finally {
      if (this.size === 0) this.#clear();
      else this.#arm(this.#next(), this.#clock.monotonic() - this.#start);
    }
  };

  #step(): void {
    this.#at += 1;
    if (this.#at % SPAN === 0) this.#begin(this.#at / SPAN);
    const bucket = this.#near.get(this.#at);
    if (bucket === undefined) return;
    for (let link = bucket.first; link; link = bucket.first) {
      bucket.remove(link);
      link.value.link = undefined;
      this.#nearCount -= 1;
      fire(link.value);
    }
    this.#near.delete(this.#at);
  }

  /** A span begins: its entries are near now. */
  #begin(span: number): void {
    this.#near.clear();
    const bucket = this.#far.get(span);
    if (bucket === undefined) return;
    this.#far.delete(span);
    this.#farCount -= bucket.size;
    for (const entry of bucket) this.#place(entry);
  }

  #clear(): void {
    this.#near.clear();
    this.#far.clear();
    this.#nearCount = 0;
    this.#farCount = 0;
  }

  [Symbol.dispose](): void {
    this.#timer?.();
    this.#timer = undefined;
    for (const map of [this.#near, this.#far]) {
      for (const bucket of map.values()) for (const entry of bucket) entry.link = undefined;
    }
    this.#clear();
  }
}

function fire(entry: Entry): void {
  try {
    entry.fn();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
