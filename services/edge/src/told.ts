/** Owns how often this edge has told a client that a request failed, by the reason; what a server answers is none of it. */
import type { Reason } from '@causeway/protocol';

export class Told {
  readonly #counts = new Map<Reason, number>();

  count(reason: Reason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  [Symbol.iterator](): Iterator<[Reason, number]> {
    return this.#counts[Symbol.iterator]();
  }
}
