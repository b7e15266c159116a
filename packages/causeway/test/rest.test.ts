import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { giveBackAtRest, isWorthwhile } from '../src/rest.ts';

const MIB = 2 ** 20;

test('what has gathered is collected at rest, and neither little nor while there is work nor where it takes long', () => {
  const look = { busy: 0.005, heap: 30 * MIB, used: 60 * MIB, left: 0 };
  assert.equal(isWorthwhile(look), true);
  assert.equal(isWorthwhile({ ...look, busy: 0.04 }), true, 'a machine that sleeps between its timers');
  assert.equal(isWorthwhile({ ...look, used: 700 * MIB }), true, 'buffers of large messages, which nobody has any more');
  assert.equal(isWorthwhile({ ...look, used: 40 * MIB, left: 36 * MIB }), false);
  assert.equal(isWorthwhile({ ...look, busy: 0.3 }), false);
  assert.equal(isWorthwhile({ ...look, heap: 400 * MIB, used: 400 * MIB }), false);
});

test('it looks by itself, and a collection frees what nobody holds', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const left = Array.from({ length: 8 }, (_, nth) => new WeakRef(new Uint8Array(2 * MIB).fill(nth)));
  const freed = (): boolean => left.every((one) => one.deref() === undefined);
  giveBackAtRest();
  // A loop that waits is at rest; where others have the processor it may take a few looks until it was for long enough.
  for (let look = 0; look < 20 && !freed(); look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    t.mock.timers.tick(10_000);
  }
  assert.ok(freed());
  setFlagsFromString('--no-expose-gc');
});
