/**
 * Owns what single members of a message must be: ids that name something, keys that every parser reads alike. Pure.
 */
import type { JsonScanner } from './json.ts';
import { JsonFault } from './json-limits.ts';
import type { Span } from './splice.ts';

/** Members of `params` that mean something here. */
const PARAMS_KEYS = [
  '_meta',
  'name',
  'uri',
  'arguments',
  'requestId',
  'progressToken',
  'protocolVersion',
  'capabilities',
  'clientInfo',
  'inputResponses',
  'requestState',
];

/** A string or a number, or null; anything else names nothing. */
export function readId(scanner: JsonScanner, depth: number): Span {
  const first = scanner.peek();
  if (first === 0x7b || first === 0x5b || first === 0x74 || first === 0x66)
    throw new JsonFault('forbidden', 'an id is a string or a number');
  const span = scanner.value(depth);
  if (span.end - span.start > 4096) throw new JsonFault('forbidden', 'an id is longer than 4096 bytes');
  return span;
}

/** UTF-16 units beyond which a key folds to none of them: what becomes one letter is at most two, and folding costs their square. */
const FOLDED = 64;

/** Other parsers fold case, compatibility forms or NUL: a member of `params` that they would take for a known one is refused. */
export function refuseLookalike(key: string): void {
  if (PARAMS_KEYS.includes(key)) return;
  if (key.includes('\0') || isLookalike(key)) throw new JsonFault('forbidden', `the member ${printable(key)} looks like another one`);
}

function isLookalike(key: string): boolean {
  if (key.length > FOLDED) return false;
  const folded = key.normalize('NFKC').toLowerCase();
  return PARAMS_KEYS.some((name) => name.toLowerCase() === folded);
}

export function printable(key: string): string {
  return JSON.stringify(key.slice(0, 40));
}
