/**
 * Owns looking into raw JSON and changing single members of it, where a translation must: the members of an object with
 * the place of each, taking one out, adding one. Pure; what is changed is applied by splice.ts, all else stays to the byte.
 *
 * Invariants: nothing is thrown: a message is read shallowly before it comes here, and what parsers would read differently
 * deep inside it (a member twice, a control character) is no object and no value; keys are decoded.
 */
import { JsonScanner } from './json.ts';
import { JsonFault, SERVER_SCAN } from './json-limits.ts';
import { MAX_ELEMENTS } from './jsonrpc.ts';
import type { Edit, Span } from './splice.ts';

/** An object and the values of its members, in their order. */
export interface Members {
  readonly span: Span;
  readonly of: ReadonlyMap<string, Span>;
}

const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const COMMA = 0x2c;
const NOTHING = Buffer.alloc(0);

/** The members of the object that begins at `start`; `undefined` where something else begins. */
export function membersAt(bytes: Buffer, start = 0): Members | undefined {
  const scanner = new JsonScanner(bytes, SERVER_SCAN, start);
  if (scanner.peek() !== OPEN_OBJECT) return undefined;
  const of = new Map<string, Span>();
  try {
    const span = scanner.object(0, (key, at, depth) => void of.set(key, at.value(depth)));
    return { span, of };
  } catch (error) {
    if (error instanceof JsonFault) return undefined;
    throw error;
  }
}

/** The members of what lies there; `undefined` where nothing does. */
export const membersIn = (bytes: Buffer, span: Span | undefined): Members | undefined => span && membersAt(bytes, span.start);

/** The members of a member that is an object. */
export function membersOf(bytes: Buffer, outer: Members | undefined, name: string): Members | undefined {
  return membersIn(bytes, outer?.of.get(name));
}

/** Where the elements of a member lie that is an array; none where it is something else, or has more than are looked at. */
export function elementsOf(bytes: Buffer, outer: Members | undefined, name: string): readonly Span[] {
  const span = outer?.of.get(name);
  if (!span || bytes[span.start] !== OPEN_ARRAY) return [];
  try {
    return new JsonScanner(bytes, SERVER_SCAN, span.start).array(0, MAX_ELEMENTS);
  } catch (error) {
    if (error instanceof JsonFault) return [];
    throw error;
  }
}

/** A value as JavaScript has it, for small ones that must be understood; `undefined` for what JSON does not have. */
export function valueAt(bytes: Buffer, span: Span): unknown {
  try {
    return JSON.parse(bytes.toString('utf8', span.start, span.end)) as unknown;
  } catch {
    return undefined;
  }
}

/** The text of a member that is a string. */
export function textOf(bytes: Buffer, members: Members | undefined, name: string): string | undefined {
  const span = members?.of.get(name);
  return span && bytes[span.start] === 0x22 ? (valueAt(bytes, span) as string | undefined) : undefined;
}

/** Takes members out, each with one comma beside it; those that are not there are let be. */
export function withoutMembers(bytes: Buffer, { span, of }: Members, names: ReadonlySet<string>): readonly Edit[] {
  const edits: Edit[] = [];
  let before = span.start + 1;
  /** Everything up to here is taken out, so that the next that stays has no comma before it. */
  let leading = true;
  for (const [name, value] of of) {
    if (!names.has(name)) {
      leading = false;
    } else if (leading) {
      const comma = commaAfter(bytes, value.end);
      edits.push({ span: { start: before, end: comma ?? value.end }, bytes: NOTHING });
      before = comma ?? value.end;
      continue;
    } else {
      edits.push({ span: { start: before, end: value.end }, bytes: NOTHING });
    }
    before = value.end;
  }
  return edits;
}

/** Adds members, given as JSON text without braces, at the beginning of an object. */
export function withMembers({ span, of }: Members, text: string): Edit {
  return { span: { start: span.start + 1, end: span.start + 1 }, bytes: Buffer.from(of.size === 0 ? text : `${text},`) };
}

/** The position behind the comma that follows a value, if one does. */
function commaAfter(bytes: Buffer, from: number): number | undefined {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === COMMA) return at + 1;
    if (byte > 0x20) return undefined;
  }
  return undefined;
}
