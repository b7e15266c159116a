/**
 * Owns reading a message once for several levels of its members: those of the object itself, and of the members that the
 * caller names, where they are objects. Pure.
 *
 * Invariants: one pass over the bytes, whatever is asked for; what cannot be read gives nothing, and throws nothing.
 */
import { JsonScanner } from './json.ts';
import { JsonFault, SERVER_SCAN } from './json-limits.ts';
import type { Members } from './members.ts';
import type { Span } from './splice.ts';

/** Members that are to be looked into, by name. */
export interface Depth {
  readonly [name: string]: Depth;
}

export interface Outline extends Members {
  /** What was looked into. */
  readonly inside: ReadonlyMap<string, Outline>;
}

const OPEN_OBJECT = 0x7b;

/** `undefined` for what is no JSON object. */
export function outlineOf(bytes: Buffer, depth: Depth): Outline | undefined {
  const scanner = new JsonScanner(bytes, SERVER_SCAN);
  if (scanner.peek() !== OPEN_OBJECT) return undefined;
  try {
    const outline = read(scanner, 0, depth);
    scanner.end();
    return outline;
  } catch (error) {
    if (error instanceof JsonFault) return undefined;
    throw error;
  }
}

function read(scanner: JsonScanner, level: number, depth: Depth): Outline {
  const of = new Map<string, Span>();
  const inside = new Map<string, Outline>();
  const span = scanner.object(level, (key, at, deeper) => {
    const within = Object.hasOwn(depth, key) ? depth[key] : undefined;
    if (!within || at.peek() !== OPEN_OBJECT) return void of.set(key, at.value(deeper));
    const outline = read(at, deeper, within);
    of.set(key, outline.span);
    inside.set(key, outline);
  });
  return { span, of, inside };
}
