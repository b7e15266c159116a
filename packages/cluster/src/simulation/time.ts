/**
 * Owns virtual time and chance: what is due happens in its order, and everything that follows from it at once before
 * the next. The same for the same seed everywhere.
 */
import type { Time } from '../time.ts';

/** Turns of the microtask queue that everything which follows at once takes at most. */
const TURNS = 32;
/** Things that happen in one schedule at most, twenty times what the longest of thousands has: what goes on beyond that has no end. */
const MOST = 200_000;

/** A small generator: the same numbers for the same seed. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Due {
  readonly at: number;
  readonly fn: () => void;
  over: boolean;
}

export class VirtualTime implements Time {
  readonly random: () => number;
  #now = 0;
  #happened = 0;
  readonly #queue: Due[] = [];

  constructor(seed: number) {
    this.random = chance(seed);
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    return ms === Infinity ? () => undefined : this.at(this.#now + ms, fn);
  }

  /** At a time of `now`, or at once if that is over. */
  at(when: number, fn: () => void): () => void {
    const due: Due = { at: Math.max(this.#now, when), fn, over: false };
    // What was added later comes behind what is due at the same time.
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#queue[middle]!.at <= due.at) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, due);
    return () => void (due.over = true);
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  /** One of several. */
  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)]!;
  }

  /** Lets everything happen that is due within `ms`; `look` is called after each of them. */
  async run(ms: number, look: () => void): Promise<void> {
    const end = this.#now + ms;
    while (this.#queue[0] !== undefined && this.#queue[0].at <= end) {
      const due = this.#queue.shift()!;
      if (due.over) continue;
      this.#now = due.at;
      this.#happened += 1;
      if (this.#happened > MOST) throw new Error(`${MOST} things have happened by ${Math.round(due.at)} ms, and more are to`);
      due.fn();
      for (let turn = 0; turn < TURNS; turn += 1) await Promise.resolve();
      look();
    }
    this.#now = end;
  }
}
