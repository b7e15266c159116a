/**
 * Owns the pauses between attempts at the same thing: each twice as long as the one before, up to the last.
 * Invariant: at most one pause lasts at a time, and its attempt begins once, however often it is hastened.
 */
import type { Wheel } from './clock.ts';

/** Milliseconds of the longest pause. */
const LAST = 10_000;

export class Retries {
  readonly #wheel: Wheel;
  readonly #first: number;
  #pause: number;
  #now: (() => void) | undefined;
  #cancel: () => void = () => undefined;

  /** `first`: milliseconds of the first pause. */
  constructor(wheel: Wheel, first: number) {
    this.#wheel = wheel;
    this.#first = first;
    this.#pause = first;
  }

  /** Begins `attempt` after the next pause. */
  after(attempt: () => void): void {
    this.#cancel();
    this.#now = () => {
      this.#now = undefined;
      this.#cancel();
      attempt();
    };
    this.#cancel = this.#wheel.after(this.#pause, this.#now);
    this.#pause = Math.min(2 * this.#pause, LAST);
  }

  /** What made the attempts fail may be over: one that waits begins now, and pauses are short again. */
  hasten(): void {
    this.#pause = this.#first;
    this.#now?.();
  }

  /** Nothing is attempted any more; the next pause is the first. */
  end(): void {
    this.#now = undefined;
    this.#cancel();
    this.#pause = this.#first;
  }
}
