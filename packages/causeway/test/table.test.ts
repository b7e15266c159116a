import assert from 'node:assert/strict';
import { test } from 'node:test';
import { age, card, mebibytes, table } from '../src/table.ts';

test('columns are as wide as what is in them, numbers stand to the right, and nothing has no head', () => {
  const columns = [
    { title: 'NAME', of: (row: { name: string; n: number | null }) => row.name },
    { title: 'N', of: (row: { name: string; n: number | null }) => row.n },
    { title: 'LAST', of: () => 'x' },
  ];
  assert.deepEqual(
    table(columns, [
      { name: 'a', n: 5 },
      { name: 'longer', n: 1234 },
      { name: '', n: null },
    ]),
    ['NAME       N  LAST', 'a          5  x', 'longer  1234  x', '-          -  x'],
  );
  assert.deepEqual(table(columns, []), []);
});

test('what comes from elsewhere cannot steer the terminal', () => {
  const evil = '\u001b[2J\u009b31mname\r\n\u007f';
  const shown = '\ufffd[2J\ufffd31mname\ufffd\ufffd\ufffd';
  assert.deepEqual(table([{ title: 'A', of: () => evil }], [{}]), ['A', shown]);
  assert.deepEqual(card([['revision', evil]]), [`revision  ${shown}`]);
});

test('ages by the largest unit, sizes in MiB, names and values below each other', () => {
  assert.deepEqual([0, -5, 59_999, 60_000, 3_599_999, 3_600_000, 90_000_000].map(age), ['0s', '0s', '59s', '1m', '59m', '1h', '1d']);
  assert.equal(mebibytes(96_468_992), '92 MiB');
  assert.deepEqual(
    card([
      ['id', 'x'],
      ['longer', null],
    ]),
    ['id      x', 'longer  -'],
  );
});
