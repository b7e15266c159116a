/**
 * Owns telling the keys of one object apart: of few by looking at each, of many by a set. Pure.
 *
 * Invariant: linear in the keys; more than `MOST` are refused, which no message has in an object that is read by name.
 */
import { JsonFault } from './json-limits.ts';

/** Keys that are compared one by one. */
const FEW = 16;
const MOST = 10_000;

export type Keys = string[] | Set<string>;

/** The keys with one more. Throws JsonFault for one that is there already. */
export function withKey(keys: Keys, key: string): Keys {
  const few = Array.isArray(keys);
  if (few ? keys.includes(key) : keys.has(key)) throw new JsonFault('forbidden', 'a key occurs twice in one object');
  if (few) return keys.push(key) < FEW ? keys : new Set(keys);
  if (keys.size === MOST) throw new JsonFault('forbidden', `more than ${MOST} keys in one object`);
  return keys.add(key);
}
