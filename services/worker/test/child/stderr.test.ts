import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { openStderr, printable } from '../../src/child/stderr.ts';
import { MemoryLog } from './support.ts';

interface Heard {
  readonly lines: readonly string[];
  readonly suppressed: number;
  readonly tail: readonly string[];
}

async function hear(chunks: readonly Buffer[], linesPerSecond = 200): Promise<Heard> {
  const log = new MemoryLog();
  const stream = new PassThrough();
  const stderr = openStderr(stream, { log, pid: 7, scrub: (text) => text }, { linesPerSecond, lineBytes: 20, keepBytes: 100 });
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, 'end');
  stderr.close();
  assert(log.records.every(({ facts }) => facts['stream'] === 'stderr' && facts['pid'] === 7));
  return {
    lines: log.records.flatMap(({ facts }) => (typeof facts['line'] === 'string' ? [facts['line']] : [])),
    suppressed: log.records.reduce((sum, { facts }) => sum + Number(facts['lines'] ?? 0), 0),
    tail: stderr.tail(5, 50),
  };
}

test('one record for each line, however the bytes were cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[a-zé]{1,9}$/), { maxLength: 20 }),
      fc.integer({ min: 1, max: 7 }),
      async (lines, size) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
        const heard = await hear(chunks);
        assert.deepEqual(heard.lines, lines);
        assert.deepEqual(heard.tail, (await hear([bytes])).tail);
      },
    ),
    { numRuns: 50 },
  );
});

test('lines past the rate are counted, not logged', async () => {
  const heard = await hear([Buffer.from('line\n'.repeat(50))], 10);
  assert.equal(heard.lines.length, 10);
  assert.equal(heard.suppressed, 40);
});

test('a long line is cut, whether it ends or not', async () => {
  const heard = await hear([Buffer.from('x'.repeat(5000)), Buffer.from(`${'x'.repeat(5000)}\nnext\n${'y'.repeat(30)}`)]);
  assert.deepEqual(heard.lines, [`${'x'.repeat(20)}…`, 'next', `${'y'.repeat(20)}…`]);
});

test('the tail holds the last lines within its two bounds', async () => {
  const numbers = Array.from({ length: 30 }, (_, n) => `line ${n}`);
  assert.deepEqual((await hear([Buffer.from(numbers.join('\n'))])).tail, numbers.slice(-5));
  const [only, ...others] = (await hear([Buffer.from(`first\n${'z'.repeat(1000)}\n`)])).tail;
  assert.deepEqual(others, []);
  assert.equal(only, 'z'.repeat(49));
});

test('of an error with its stack the tail holds what it says, not the frames', async () => {
  const node = 'Error: x\n    at a (b:1:1)\n    at c {\n  code: 1\n}\n';
  assert.deepEqual((await hear([Buffer.from(node)])).tail, ['Error: x', '  code: 1', '}']);
  assert.deepEqual((await hear([Buffer.from('Caused by: x\n\tat a.B(B.java:1)\n')])).tail, ['Caused by: x']);
  assert.deepEqual((await hear([Buffer.from('listening\nat 8000\n')])).tail, ['listening', 'at 8000']);
});

test('nothing that repaints or reverses a terminal passes', () => {
  assert.equal(printable('\u001b[31mred\u0007\u0000\u009b\u202eevil\tok'), '\\u001b[31mred\\u0007\\u0000\\u009b\\u202eevil ok');
  assert.equal(printable('plain é 😀 👩‍💻'), 'plain é 😀 👩‍💻');
});
