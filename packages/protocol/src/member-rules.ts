/**
 * Owns what single members of a message must be: ids that name something, keys that every parser reads alike. Pure.
 */
import type { JsonScanner } from './json.ts';
import { JsonFault } from './json-limits.ts';
import { CLIENT_META_KEYS } from './meta-keys.ts';
import type { Span } from './splice.ts';

/** Members of `params` that mean something here. */
const PARAMS_KEYS: readonly string[] = [
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
  'taskId',
  'level',
  'notifications',
];

/** Members of `_meta` that do. */
const META_KEYS = ['progressToken', ...CLIENT_META_KEYS];

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

/** Other parsers fold case, compatibility forms or NUL: a member of `params`, or of its `_meta`, that they would take for a known one is refused. */
export function refuseLookalike(key: string, within: 'params' | '_meta'): void {
  const known = within === 'params' ? PARAMS_KEYS : META_KEYS;
  if (known.includes(key)) return;
  if (key.includes('\0') || isLookalike(key, known))
    throw new JsonFault('forbidden', `the member ${printable(key)} looks like another one`);
}

/** Whether a key is none of these names, and would be one to a parser that folds. */
export function isLookalike(key: string, names: readonly string[]): boolean {
  if (key.length > FOLDED || names.includes(key)) return false;
  const folded = key.replaceAll('\0', '').normalize('NFKC').toLowerCase();
  return names.some((name) => name.toLowerCase() === folded);
}

export function printable(key: string): string {
  return JSON.stringify(key.slice(0, 40));
}
