/** How long a process did not run, and what that says of the messages that came meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Standstill } from '../src/standstill.ts';

function setting() {
  const time = { monotonic: 0, day: 1_800_000_000_000 };
  const record: { stamp: number | undefined } = { stamp: undefined };
  const clock = { monotonic: () => time.monotonic, now: () => time.day };
  return { time, record, standstill: new Standstill(clock, () => record.stamp) };
}

test('a process that is stopped, and a machine that is paused, stand still; a clock that is set back does not', () => {
  const { time, standstill } = setting();
  time.monotonic += 300;
  time.day += 300;
  assert.equal(standstill.sinceAsked(), 300);
  assert.equal(standstill.sinceAsked(), 0);
  time.day += 25_000;
  assert.equal(standstill.sinceAsked(), 25_000);
  time.day -= 3_600_000;
  time.monotonic += 500;
  assert.equal(standstill.sinceAsked(), 500);
});

test('what bears the stamp of a record from before may have waited as long; what bears a newer one has not', () => {
  const { time, record, standstill } = setting();
  const still = (ms: number): void => {
    time.day += ms;
    standstill.sinceAsked();
  };
  still(20_000);
  assert.equal(standstill.mayHaveWaited(1), 0, 'it had no record');
  record.stamp = 7;
  still(900);
  assert.equal(standstill.mayHaveWaited(7), 0);
  still(20_000);
  still(2_000);
  assert.deepEqual(
    [6, 7, 8].map((stamp) => standstill.mayHaveWaited(stamp)),
    [20_000, 20_000, 0],
  );
  record.stamp = 9;
  still(3_000);
  assert.deepEqual(
    [9, 10].map((stamp) => standstill.mayHaveWaited(stamp)),
    [3_000, 0],
  );
});
