/**
 * Owns how much memory the journals of all sessions of a worker take together.
 *
 * Invariants: over the limit, what was written longest ago is given up first, each stream asked once until
 * it grows again; what is not sent yet is never given up, so a stream loses its past and never its present.
 */

/** A stream as the budget sees it. */
export interface Kept {
  /** Gives up all of the past that it can, and charges what is left. */
  evict(): void;
}

export class JournalBudget {
  readonly #limit: number;
  readonly #bytes = new Map<Kept, number>();
  /** Those that may have something to give, in the order of their last growth. */
  readonly #grown = new Set<Kept>();
  #used = 0;
  #shrinking = false;

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** The journal of `stream` holds `bytes` now. */
  charge(stream: Kept, bytes: number): void {
    const before = this.#bytes.get(stream) ?? 0;
    if (bytes === before) return;
    this.#used += bytes - before;
    if (bytes > before) {
      this.#grown.delete(stream);
      this.#grown.add(stream);
    }
    if (bytes > 0) {
      this.#bytes.set(stream, bytes);
    } else {
      this.#bytes.delete(stream);
      this.#grown.delete(stream);
    }
    if (this.#used > this.#limit && !this.#shrinking) this.#shrink();
  }

  #shrink(): void {
    this.#shrinking = true;
    for (const stream of this.#grown) {
      if (this.#used <= this.#limit) break;
      this.#grown.delete(stream);
      stream.evict();
    }
    this.#shrinking = false;
  }
}
