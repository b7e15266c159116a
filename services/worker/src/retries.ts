/**
 * Owns the pauses between attempts at the same thing: each twice as long as the one before, up to the last.
 * Invariant: at most one pause lasts at a time, and its attempt begins once, however often it is hastened.
 */
import type { Wheel } from '@causeway/runtime';

/** Milliseconds of the first pause, and of the longest. */
const FIRST = 500;
const LAST = 10_000;

export class Retries {
  readonly #wheel: Wheel;
  #pause = FIRST;
  #now: (() => void) | undefined;
  #cancel: () => void = () => undefined;

  constructor(wheel: Wheel) {
    this.#wheel = wheel;
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
    this.#pause = FIRST;
    this.#now?.();
  }

  /** Nothing is attempted any more; the next pause is the first. */
  end(): void {
    this.#now = undefined;
    this.#cancel();
    this.#pause = FIRST;
  }
}
