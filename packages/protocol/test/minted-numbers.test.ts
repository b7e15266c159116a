import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { numberAt, echoedAt } from '../src/index.ts';

const read = (text: string): number => numberAt(Buffer.from(`[${text}]`), { start: 1, end: 1 + Buffer.byteLength(text) });

test('a number is read as it is spelt here, and nothing else is one', () => {
  for (const text of ['', '0', '01', '-1', '1.0', '1e3', '"1"', ' 1', '1 ', 'null', '1_0', '\u0661', '1234567890123456'])
    assert.equal(read(text), -1, text);
  assert.equal(numberAt(Buffer.from('1'), undefined), -1);
  fc.assert(fc.property(fc.integer({ min: 1, max: 999_999_999_999_999 }), (number) => read(String(number)) === number));
  fc.assert(fc.property(fc.string(), (text) => read(text) === (/^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : -1)));
});

test('what comes back is the number, as a float or as text too, and nothing else is one', () => {
  const token = (text: string): number => echoedAt(Buffer.from(`[${text}]`), { start: 1, end: 1 + Buffer.byteLength(text) });
  for (const text of [
    '""',
    '"0"',
    '"01"',
    '"1 "',
    '"-1"',
    '"1.0"',
    '"a"',
    '"\\u0031"',
    '0',
    '0.0',
    '1.5',
    '1.05',
    '1.',
    '.0',
    '1.0.0',
    '-1.0',
    '1e0',
    'null',
  ])
    assert.equal(token(text), -1, text);
  assert.equal(echoedAt(Buffer.from('1'), undefined), -1);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999_999_999_999_999 }), (number) => {
      assert.equal(token(String(number)), number);
      for (const text of [`"${number}"`, `${number}.0`, `${number}.000`]) assert.equal(token(text), number);
    }),
  );
});
