/**
 * Owns the atoms of JSON: numbers, the three literals, the bytes of strings and the escapes in them (RFC 8259, sections 3, 6 and 7). Pure.
 */

const LITERALS: Readonly<Record<number, Buffer>> = { 0x74: Buffer.from('true'), 0x66: Buffer.from('false'), 0x6e: Buffer.from('null') };

/** 1 for bytes that stand for themselves in a string: no quote, no backslash, no control character. */
export const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c ? 1 : 0));
/** The same with control characters let pass. */
export const ANY = PLAIN.map((plain, byte) => (byte < 0x20 ? 1 : plain));

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

const isHex = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && ((byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)));

/** Where the number or literal that begins at `at` ends; -1 if there is none. */
export function endOfAtom(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  return first === 0x2d || isDigit(first) ? endOfNumber(bytes, at) : endOfLiteral(bytes, at, first);
}

function endOfDigits(bytes: Buffer, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at++;
  return at === from ? -1 : at;
}

function endOfNumber(bytes: Buffer, from: number): number {
  let at = bytes[from] === 0x2d ? from + 1 : from;
  at = bytes[at] === 0x30 ? at + 1 : endOfDigits(bytes, at);
  if (at >= 0 && bytes[at] === 0x2e) at = endOfDigits(bytes, at + 1);
  if (at < 0 || (bytes[at] !== 0x65 && bytes[at] !== 0x45)) return at;
  const sign = bytes[at + 1] === 0x2b || bytes[at + 1] === 0x2d ? 1 : 0;
  return endOfDigits(bytes, at + 1 + sign);
}

function endOfLiteral(bytes: Buffer, at: number, first: number): number {
  const word = LITERALS[first];
  if (!word || at + word.length > bytes.length) return -1;
  return bytes.compare(word, 0, word.length, at, at + word.length) === 0 ? at + word.length : -1;
}

/** Where the escape ends whose backslash lies before `at`; -1 if there is none. */
export function endOfEscape(bytes: Buffer, at: number): number {
  const kind = bytes[at];
  if (kind === 0x75) return isHex(bytes[at + 1]) && isHex(bytes[at + 2]) && isHex(bytes[at + 3]) && isHex(bytes[at + 4]) ? at + 5 : -1;
  return kind !== undefined && '"\\/bfnrt'.includes(String.fromCharCode(kind)) ? at + 1 : -1;
}

/** Bytes that are looked at one by one: what bounds the machine's search, a view, costs more. */
const SHORT = 512;

/** Where the first such byte stands between `from` and `to`; `to` if none does. */
export function firstOf(byte: number, bytes: Buffer, from: number, to: number): number {
  if (to - from > SHORT) {
    const found = bytes.subarray(from, to).indexOf(byte);
    return found < 0 ? to : from + found;
  }
  let at = from;
  while (at < to && bytes[at] !== byte) at++;
  return at;
}
