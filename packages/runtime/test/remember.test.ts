import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recent, remember, rememberAs } from '../src/index.ts';

test('what was remembered first is forgotten first', () => {
  const set = new Set<number>();
  for (const value of [1, 2, 2, 3, 4]) remember(set, value, 3);
  assert.deepEqual([...set], [2, 3, 4]);
  const map = new Map<string, number>();
  for (const [nth, key] of ['a', 'b', 'a', 'c'].entries()) rememberAs(map, key, nth, 2);
  assert.deepEqual(
    [...map],
    [
      ['b', 1],
      ['c', 3],
    ],
  );
});

test('of what is recent as many as asked for are known, and never twice as many', () => {
  const recent = new Recent<number>(4);
  for (let newest = 0; newest < 100; newest++) {
    recent.add(newest);
    const known = Array.from({ length: newest + 1 }, (_, value) => value).filter((value) => recent.has(value));
    assert.ok(known.length >= Math.min(4, newest + 1) && known.length < 8);
    assert.deepEqual(
      known,
      Array.from({ length: known.length }, (_, nth) => newest + 1 - known.length + nth),
    );
  }
  recent.delete(99);
  recent.delete(97);
  assert.deepEqual(
    [97, 98, 99].map((value) => recent.has(value)),
    [false, true, false],
  );
});
