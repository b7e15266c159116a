/**
 * Owns changing a part of raw JSON bytes without touching the rest: numbers beyond 2^53, key order,
 * escapes and schemas survive to the byte. Pure.
 */

/** Half-open byte range of one JSON value. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Edit {
  readonly span: Span;
  readonly bytes: Uint8Array;
}

/** Replaces every span by its bytes, in one copy. Edits must not overlap; their order is free. */
export function splice(bytes: Uint8Array, edits: readonly Edit[]): Buffer {
  const ordered = inOrder(edits) ? edits : edits.toSorted((a, b) => a.span.start - b.span.start || a.span.end - b.span.end);
  let size = bytes.length;
  for (const { span, bytes: added } of ordered) size += added.length - (span.end - span.start);
  const out = Buffer.allocUnsafe(size);
  let from = 0;
  let to = 0;
  for (const { span, bytes: added } of ordered) {
    out.set(bytes.subarray(from, span.start), to);
    to += span.start - from;
    out.set(added, to);
    to += added.length;
    from = span.end;
  }
  out.set(bytes.subarray(from), to);
  return out;
}

/** They nearly always are, and to sort them costs more than the rest. */
function inOrder(edits: readonly Edit[]): boolean {
  for (let nth = 1; nth < edits.length; nth += 1) if (edits[nth]!.span.start < edits[nth - 1]!.span.end) return false;
  return true;
}

/** The raw bytes of a span, unchanged. */
export function slice(bytes: Uint8Array, span: Span): Uint8Array {
  return bytes.subarray(span.start, span.end);
}

/** The same as a text: raw JSON. */
export function rawText(bytes: Buffer, { start, end }: Span): string {
  return bytes.toString('utf8', start, end);
}

/** Whether the value that lies there is null. */
export function isNull(bytes: Uint8Array, { start }: Span): boolean {
  return bytes[start] === 0x6e;
}

/** The message as one line: line breaks between tokens become spaces. Inside strings JSON has none. */
export function oneLine(bytes: Buffer): Buffer {
  if (!bytes.includes(0x0a) && !bytes.includes(0x0d)) return bytes;
  const line = Buffer.from(bytes);
  for (let at = 0; at < line.length; at++) if (line[at] === 0x0a || line[at] === 0x0d) line[at] = 0x20;
  return line;
}
