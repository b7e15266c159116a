/** Owns how often things have happened, by what they were, since the start of the process: of as many kinds as the caller has. */
export class Counts<K extends string> {
  readonly #counts = new Map<K, number>();

  count(kind: K): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  [Symbol.iterator](): Iterator<[K, number]> {
    return this.#counts[Symbol.iterator]();
  }
}
