/** Owns memory with a bound: what was remembered first is forgotten first. */

/** Adds a value; beyond `most` the oldest goes. */
export function remember<T>(memory: Set<T>, value: T, most: number): void {
  memory.add(value);
  if (memory.size > most) forgetOldest(memory);
}

/** Adds or replaces what a key stands for; beyond `most` the oldest goes. */
export function rememberAs<K, V>(memory: Map<K, V>, key: K, value: V, most: number): void {
  memory.set(key, value);
  if (memory.size > most) forgetOldest(memory);
}

function forgetOldest<K>(memory: { keys(): Iterable<K>; delete(key: K): boolean }): void {
  for (const oldest of memory.keys()) if (memory.delete(oldest)) return;
}

/**
 * The newest keys with what each stands for: `most` of them at least, less than twice as many. For what is remembered with every
 * message: two maps take turns, since in one from which the oldest is removed, whoever looks for the next oldest passes all
 * that are gone.
 */
export class RecentMap<K extends string | number, V> {
  readonly #most: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: K, value: V): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#most) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}

/** The same of keys alone. */
export class Recent<T extends string | number> {
  readonly #known: RecentMap<T, true>;

  constructor(most: number) {
    this.#known = new RecentMap(most);
  }

  has(value: T): boolean {
    return this.#known.get(value) === true;
  }

  add(value: T): void {
    this.#known.set(value, true);
  }

  delete(value: T): void {
    this.#known.delete(value);
  }
}
