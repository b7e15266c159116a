/**
 * Owns how much memory the journals of all sessions of a worker take together.
 *
 * Invariants: over the limit, what was written longest ago is given up first; what is not sent yet and the
 * newest frame of a stream are never given up, so a stream loses its past and never its present.
 */

/** A stream as the budget sees it. */
export interface Kept {
  /** Gives up all of the past that it can. */
  evict(): void;
}

export class JournalBudget {
  readonly #limit: number;
  /** In the order of their last growth. */
  readonly #kept = new Map<Kept, number>();
  #used = 0;

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** The journal of `stream` holds `bytes` now. */
  charge(stream: Kept, bytes: number): void {
    const before = this.#kept.get(stream) ?? 0;
    if (bytes === before) return;
    if (bytes > before) this.#kept.delete(stream);
    if (bytes === 0) this.#kept.delete(stream);
    else this.#kept.set(stream, bytes);
    this.#used += bytes - before;
    if (this.#used > this.#limit) this.#shrink();
  }

  #shrink(): void {
    // Evicting charges the stream again, and so moves `used`; each stream is asked once.
    for (const stream of [...this.#kept.keys()]) {
      if (this.#used <= this.#limit) return;
      stream.evict();
    }
  }
}
