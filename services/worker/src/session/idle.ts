/**
 * Owns the only definition of activity and of age: a session is idle while nothing holds it and nothing has happened.
 * Open streams and running calls hold it; every message of the client is something happening. Used or not, it ends at
 * its age.
 *
 * Invariants: what holds is a set of things that exist, never a count; the deadline is checked when it is
 * due, not in between.
 */
import type { Clock, Wheel } from '@causeway/runtime';

/** Milliseconds. */
export interface LifeLimits {
  /** Without anything that holds it or happens. */
  readonly idle: number;
  /** Until it has lived for as long as a session may. */
  readonly left: number;
}

export class Idle {
  readonly #held = new Set<object>();
  readonly #clock: Clock;
  readonly #wheel: Wheel;
  readonly #limit: number;
  readonly #expired: (why: 'idle' | 'age') => void;
  readonly #cancelAge: () => void;
  #since: number;
  #cancel: () => void;

  constructor(clock: Clock, wheel: Wheel, { idle, left }: LifeLimits, expired: (why: 'idle' | 'age') => void) {
    this.#clock = clock;
    this.#wheel = wheel;
    this.#limit = idle;
    this.#expired = expired;
    this.#cancelAge = wheel.after(Math.max(0, left), () => expired('age'));
    this.#since = clock.monotonic();
    this.#cancel = wheel.after(idle, () => this.#due());
  }

  /** Something happened. */
  touch(): void {
    this.#since = this.#clock.monotonic();
  }

  /** `thing` exists now and keeps the session from being idle. */
  hold(thing: object): void {
    this.#held.add(thing);
  }

  /** `thing` is gone; idleness counts from now. */
  release(thing: object): void {
    if (this.#held.delete(thing)) this.touch();
  }

  /** Milliseconds since the last thing that happened; 0 while something holds it. */
  get ms(): number {
    return this.#held.size > 0 ? 0 : this.#clock.monotonic() - this.#since;
  }

  stop(): void {
    this.#cancel();
    this.#cancelAge();
  }

  #due(): void {
    const left = this.#held.size > 0 ? this.#limit : this.#since + this.#limit - this.#clock.monotonic();
    if (left <= 0) this.#expired('idle');
    else this.#cancel = this.#wheel.after(left, () => this.#due());
  }
}
