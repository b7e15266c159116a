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
