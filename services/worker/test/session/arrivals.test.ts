import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arrivals } from '../../src/session/arrivals.ts';

test('a message of an exchange is new once, each of a batch by its place, and what is remembered is bounded', () => {
  const arrivals = new Arrivals();
  assert.ok(arrivals.isNew('a'));
  assert.ok(!arrivals.isNew('a'));
  assert.ok(arrivals.isNew('a', -1) && arrivals.isNew('a', -2) && arrivals.isNew('b'));
  assert.ok(!arrivals.isNew('a', -2));
  arrivals.forget('a', -2);
  assert.ok(arrivals.isNew('a', -2), 'it was refused');
  for (let nth = 0; nth < 1_000; nth++) assert.ok(arrivals.isNew(`later ${nth}`));
  assert.ok(arrivals.isNew('a'), 'forgotten');
});
