/**
 * Owns what a client writes as null where it says nothing: its `_meta`, or the token of the progress that it does not want.
 * Servers on the official TypeScript SDKs drop a message that has either, and nobody answers it. Pure.
 *
 * Invariant: everything else stays where it was, so that what was read of the message holds.
 */
import type { Span } from './splice.ts';

const [QUOTE, COMMA, SPACE] = [0x22, 0x2c, 0x20];

/** The message with blanks in the place of the member whose value lies there, and of one comma beside it. Its name has no quotes. */
export function withoutMember(bytes: Buffer, { start, end }: Span): Buffer {
  const name = bytes.lastIndexOf(QUOTE, bytes.lastIndexOf(QUOTE, start) - 1);
  const after = skip(bytes, end, 1);
  const before = skip(bytes, name - 1, -1);
  const from = bytes[after] !== COMMA && bytes[before] === COMMA ? before : name;
  return Buffer.from(bytes).fill(SPACE, from, bytes[after] === COMMA ? after + 1 : end);
}

/** The next byte from `at` on in that direction that is no space between tokens. */
function skip(bytes: Buffer, at: number, step: 1 | -1): number {
  let next = at;
  while (bytes[next]! <= SPACE) next += step;
  return next;
}
