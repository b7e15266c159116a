import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remember, rememberAs } from '../src/index.ts';

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
