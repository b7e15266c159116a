import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { giveBackAtRest, isWorthwhile } from '../src/rest.ts';

const MIB = 2 ** 20;

test('what has gathered is collected at rest, and neither little nor while there is work nor where it takes long', () => {
  assert.equal(isWorthwhile({ busy: 0.005, used: 60 * MIB, left: 0 }), true);
  assert.equal(isWorthwhile({ busy: 0.005, used: 40 * MIB, left: 36 * MIB }), false);
  assert.equal(isWorthwhile({ busy: 0.3, used: 60 * MIB, left: 0 }), false);
  assert.equal(isWorthwhile({ busy: 0.005, used: 400 * MIB, left: 0 }), false);
});

test('it looks by itself, and a collection frees what nobody holds', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  giveBackAtRest();
  const held: { of: WeakRef<object>[] } = { of: Array.from({ length: 8 }, (_, nth) => new WeakRef(new Uint8Array(2 * MIB).fill(nth))) };
  // A loop that waits for most of the time is at rest.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.ok(held.of.some((one) => one.deref() !== undefined));
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(10_000);
  assert.ok(held.of.every((one) => one.deref() === undefined));
  setFlagsFromString('--no-expose-gc');
});
