/**
 * Owns the question how long this process has not run, by itself (stopped, starved) or with its machine (a virtual machine
 * that was paused, a lid that was closed), whose monotonic clock then knows nothing of it; the time of day mostly does. What
 * came meanwhile waited that long at most, and is known by the stamp that it bears (`Ledger.stamp`).
 *
 * Invariant: never less than what the monotonic clock says. A clock that is set forward looks like a pause.
 */
import type { Clock } from '@causeway/runtime';

/** Milliseconds after which what a client has asked for is not begun any more: fewer than it waits. */
export const STALE = 10_000;

/** Milliseconds that are worth remembering. */
const NOTABLE = 1_000;

export class Standstill {
  readonly #clock: Clock;
  readonly #stamp: () => number | undefined;
  /** How often it was `STALE` or longer, as far as was asked: what was taken before is not begun any more. */
  stops = 0;
  #monotonic: number;
  #day: number;
  /** The latest notable one, and where our own record stood then. */
  #latest: { readonly stamp: number; readonly ms: number } | undefined;

  /** `stamp`: where our own record stands, as far as it was seen. */
  constructor(clock: Clock, stamp: () => number | undefined) {
    this.#clock = clock;
    this.#stamp = stamp;
    this.#monotonic = clock.monotonic();
    this.#day = clock.now();
  }

  /** Milliseconds since this was asked last: whoever runs asks often. */
  sinceAsked(): number {
    const monotonic = this.#clock.monotonic();
    const day = this.#clock.now();
    const still = Math.max(monotonic - this.#monotonic, day - this.#day);
    this.#monotonic = monotonic;
    this.#day = day;
    if (still >= STALE) this.stops += 1;
    if (still >= NOTABLE) this.#remember(still);
    return still;
  }

  /** Milliseconds for which a message with this stamp may have lain here unread: it may as well have come just now. */
  mayHaveWaited(stamp: number): number {
    return this.#latest !== undefined && stamp <= this.#latest.stamp ? this.#latest.ms : 0;
  }

  #remember(ms: number): void {
    const stamp = this.#stamp();
    if (stamp === undefined || (this.#latest?.stamp === stamp && this.#latest.ms > ms)) return;
    this.#latest = { stamp, ms };
  }
}
