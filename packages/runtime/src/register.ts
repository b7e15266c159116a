/**
 * Owns things under keys, for what comes and goes with every message. A Map would do but for V8: whenever it makes a map a
 * new table, the old one keeps pointing to it, so that a single table that has outlived a collection of the young holds
 * its successors, and all that ever stood in them, until the whole heap is collected (docs/adr/0014). What stands in the
 * map here is a number.
 *
 * Invariants: finding, adding and removing take constant time; nothing that was removed is referred to any more.
 */

export class Register<K extends string | number, V> {
  readonly #places = new Map<K, number>();
  readonly #values: (V | undefined)[] = [];
  /** Places without a value. */
  readonly #free: number[] = [];

  get size(): number {
    return this.#places.size;
  }

  get(key: K): V | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#values[place];
  }

  has(key: K): boolean {
    return this.#places.has(key);
  }

  /** In place of what the key stood for, if there was something. */
  set(key: K, value: V): void {
    const place = this.#places.get(key) ?? this.#free.pop() ?? this.#values.length;
    this.#places.set(key, place);
    this.#values[place] = value;
  }

  /** Whether it was here. */
  delete(key: K): boolean {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    this.#places.delete(key);
    this.#values[place] = undefined;
    this.#free.push(place);
    return true;
  }

  /** In the order of their coming. */
  keys(): MapIterator<K> {
    return this.#places.keys();
  }

  /** In the order of their coming; meanwhile anything may be removed or added. */
  *values(): Generator<V, void, undefined> {
    for (const place of this.#places.values()) yield this.#values[place]!;
  }
}
