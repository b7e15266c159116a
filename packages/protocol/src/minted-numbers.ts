/**
 * Owns reading the numbers that Causeway gives to requests of its own, out of raw JSON: only as it spells them itself, or as
 * others are known to give them back. Pure.
 */
import type { Span } from './splice.ts';

const ZERO = 0x30;
const NINE = 0x39;
const QUOTE = 0x22;
const POINT = 0x2e;
/** A number of so many digits is exact. */
const MAX_DIGITS = 15;

/** A number of ours; -1, which is none, for everything else. */
export function numberAt(bytes: Uint8Array, span: Span | undefined): number {
  if (!span) return -1;
  const { start, end } = span;
  if (start === end || end - start > MAX_DIGITS || bytes[start] === ZERO) return -1;
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte < ZERO || byte > NINE) return -1;
    value = value * 10 + (byte - ZERO);
  }
  return value;
}

/**
 * The same as whoever was given it gives it back: also as text, or as `5.0`. The Java SDK keeps every progress token as text, and
 * there are servers that do it with ids; where every number is a float (Godot, Gson), so are ids. The official clients take both.
 */
export function echoedAt(bytes: Uint8Array, span: Span | undefined): number {
  if (!span) return -1;
  if (bytes[span.start] === QUOTE) return numberAt(bytes, { start: span.start + 1, end: span.end - 1 });
  const number = numberAt(bytes, span);
  return number < 0 ? numberAt(bytes, withoutFraction(bytes, span)) : number;
}

/** A number without the zeros behind its point. */
function withoutFraction(bytes: Uint8Array, { start, end }: Span): Span | undefined {
  let at = end;
  while (at > start && bytes[at - 1] === ZERO) at -= 1;
  return at < end && bytes[at - 1] === POINT ? { start, end: at - 1 } : undefined;
}
