/**
 * Owns who wants to hear of which resources, counted for each resource: what somebody comes to want, or wants no more, costs
 * by his own resources, not by everybody's.
 */
export class Wishes<W> {
  readonly #of = new Map<W, ReadonlySet<string>>();
  /** How many want each. */
  readonly #counts = new Map<string, number>();

  has(who: W): boolean {
    return this.#of.has(who);
  }

  /** From now on he wants these, and nothing else. Those that nobody wanted before, and those that nobody wants now. */
  set(who: W, uris: ReadonlySet<string>): { readonly added: ReadonlySet<string>; readonly gone: ReadonlySet<string> } {
    const before = this.#of.get(who);
    this.#of.set(who, uris);
    const added = this.#count(uris, 1);
    return { added, gone: this.#count(before ?? [], -1) };
  }

  /** He wants nothing any more. Those that nobody wants now. */
  delete(who: W): ReadonlySet<string> {
    const before = this.#of.get(who) ?? [];
    this.#of.delete(who);
    return this.#count(before, -1);
  }

  /** Nobody wants anything any more. What was wanted. */
  clear(): ReadonlySet<string> {
    const all = new Set(this.#counts.keys());
    this.#of.clear();
    this.#counts.clear();
    return all;
  }

  /** Those who want one of these. */
  of(uris: ReadonlySet<string>): readonly W[] {
    return [...this.#of].filter(([, wanted]) => !wanted.isDisjointFrom(uris)).map(([who]) => who);
  }

  /** Those whose number has become one, or none. */
  #count(uris: Iterable<string>, by: 1 | -1): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const uri of uris) {
      const count = (this.#counts.get(uri) ?? 0) + by;
      if (count === 0) this.#counts.delete(uri);
      else this.#counts.set(uri, count);
      if (count === (by === 1 ? 1 : 0)) changed.add(uri);
    }
    return changed;
  }
}
