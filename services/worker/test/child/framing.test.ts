import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFraming } from '../../src/child/framing.ts';

interface Told {
  readonly lines: readonly string[];
  /** Blank lines behind a blank one. */
  readonly blank: number;
  readonly tooLong: number;
}

/** Bytes are compared as latin1, where every byte is one character. */
function frame(chunks: readonly Uint8Array[], limit: number): Told {
  const lines: string[] = [];
  let tooLong = 0;
  let blank = 0;
  const framing = createFraming(limit, {
    line: (bytes) => lines.push(bytes.toString('latin1')),
    blank: () => (blank += 1),
    tooLong: () => (tooLong += 1),
  });
  for (const chunk of chunks) framing.push(Buffer.from(chunk));
  framing.end();
  assert.equal(framing.partial, false);
  return { lines, blank, tooLong };
}

function reference(bytes: Buffer, limit: number): Told {
  const pieces = bytes.toString('latin1').split('\n');
  const kept = pieces
    .map((piece, at) => ({ piece, at }))
    .filter(({ piece }) => piece.length <= limit)
    .map(({ piece, at }) => (at === 0 ? piece.replace(/^\u00ef\u00bb\u00bf/, '') : piece).replace(/\r$/, ''));
  const isBlank = (line: string | undefined): boolean => line !== undefined && /^[ \t\r]*$/.test(line);
  // The text behind the last line feed is no line if it is empty.
  const ended = pieces.at(-1) === '' ? kept.slice(0, -1) : kept;
  const blank = ended.filter((line, at) => isBlank(line) && isBlank(ended[at - 1])).length;
  return { lines: kept.filter((line) => !isBlank(line)), blank, tooLong: pieces.filter((piece) => piece.length > limit).length };
}

function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const borders = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...borders].map((from, at) => bytes.subarray(from, borders[at] ?? bytes.length));
}

const interesting = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0x0a, 0x0d, 0x20, 0x09, 0x61, 0xef, 0xbb, 0xbf, 0xe2, 0x80, 0xa8) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
);

test('any cutting of any bytes gives the lines of a plain split at 0x0A', () => {
  fc.assert(
    fc.property(
      fc.array(interesting, { maxLength: 300 }),
      fc.boolean(),
      fc.array(fc.nat(1000), { maxLength: 30 }),
      fc.integer({ min: 1, max: 40 }),
      (body, mark, places, limit) => {
        const bytes = Buffer.from(mark ? [0xef, 0xbb, 0xbf, ...body] : body);
        assert.deepEqual(frame(cut(bytes, places), limit), reference(bytes, limit));
      },
    ),
    { numRuns: 2000 },
  );
});

test('a byte at a time gives the same lines as all at once', () => {
  const text = Buffer.from(`\ufeff{"a":"\u2028é😀"}\r\n\n \t\r\n${'z'.repeat(1000)}\n{"b":1}`);
  const single = Array.from(text, (byte) => Buffer.from([byte]));
  assert.deepEqual(frame(single, 4096), frame([text], 4096));
  assert.equal(frame([text], 4096).lines.length, 3);
});

test('a line of exactly the limit passes and one byte more is told at once, before its line feed', () => {
  const seen: string[] = [];
  const framing = createFraming(4, {
    line: (bytes) => seen.push(bytes.toString()),
    blank: () => seen.push('blank'),
    tooLong: () => seen.push('too long'),
  });
  framing.push(Buffer.from('abcd\nabc'));
  framing.push(Buffer.from('de'));
  assert.deepEqual(seen, ['abcd', 'too long']);
  assert.equal(framing.partial, true);
  framing.push(Buffer.from('fghij\nok\n\n'));
  assert.deepEqual(seen, ['abcd', 'too long', 'ok'], 'one blank line is how some servers end a message');
  framing.push(Buffer.from('\n \r\n'));
  assert.deepEqual(seen.splice(3), ['blank', 'blank']);
  assert.equal(framing.partial, false);
});

test('a short line does not keep its chunk alive', () => {
  const kept: Buffer[] = [];
  const framing = createFraming(1_000_000, { line: (bytes) => kept.push(bytes), blank: () => assert.fail(), tooLong: () => assert.fail() });
  framing.push(Buffer.concat([Buffer.from('short\n'), Buffer.alloc(500_000, 'x'), Buffer.from('\n')]));
  assert.equal(kept.length, 2);
  assert((kept[0]?.buffer.byteLength ?? Infinity) < 100_000);
});

test('work is linear: no byte of a line is copied more than twice, however many pieces it came in', (t) => {
  let copied = 0;
  const { concat } = Buffer;
  t.mock.method(Buffer, 'concat', (list: readonly Uint8Array[], length?: number) => {
    for (const part of list) copied += part.length;
    return concat(list, length);
  });
  for (const [piece, pieces] of [
    [65_536, 1_024],
    [1, 100_000],
    [4_096, 4_096],
  ] as const) {
    copied = 0;
    let bytes = 0;
    const [line, never] = [(whole: Buffer) => void (bytes += whole.length), () => assert.fail()];
    const framing = createFraming(256 * 1024 * 1024, { line, blank: never, tooLong: never });
    for (let at = 0; at < pieces; at += 1) framing.push(Buffer.alloc(piece, 'x'));
    framing.push(Buffer.from('\n'));
    assert.equal(bytes, piece * pieces);
    assert.ok(copied <= 2 * bytes, `${copied} bytes copied for ${bytes}`);
  }
});
