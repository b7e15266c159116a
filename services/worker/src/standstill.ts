/**
 * Owns the question how long this process has not run, by itself (stopped, starved) or with its machine (a virtual machine
 * that was paused, a lid that was closed), whose monotonic clock then knows nothing of it; the time of day mostly does.
 *
 * Invariant: never less than what the monotonic clock says. A clock that is set forward looks like a pause.
 */
import type { Clock } from '@causeway/runtime';

export class Standstill {
  readonly #clock: Clock;
  #monotonic: number;
  #day: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#monotonic = clock.monotonic();
    this.#day = clock.now();
  }

  /** Milliseconds since this was asked last: whoever runs asks often. */
  sinceAsked(): number {
    const [monotonic, day] = [this.#clock.monotonic(), this.#clock.now()];
    const still = Math.max(monotonic - this.#monotonic, day - this.#day);
    this.#monotonic = monotonic;
    this.#day = day;
    return still;
  }
}
