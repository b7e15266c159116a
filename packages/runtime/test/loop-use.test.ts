/** How busy the loop is: of late, not since the start. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loopUse } from '../src/loop-use.ts';

test('a loop that is busy now is told as busy, whatever it did in the hour before and whoever asked a moment ago', () => {
  const [time, use] = [{ now: 0 }, { idle: 0, active: 0 }];
  const ask = loopUse(
    () => time.now,
    () => ({ ...use }),
  );
  const pass = (ms: number, busy: number): void => {
    time.now += ms;
    use.active += ms * busy;
    use.idle += ms * (1 - busy);
  };
  pass(1_000, 0.5);
  assert.equal(ask(), 0.5, 'at the start there is no more to tell of');
  pass(3_600_000, 0);
  assert.ok(ask() < 0.001);
  pass(15_000, 1);
  assert.equal(ask(), 1);
  pass(1_000, 0);
  assert.equal(ask(), 15 / 16, 'a second scraper');
  pass(14_000, 0);
  assert.equal(ask(), 0);
  pass(1_000, 1);
  assert.equal(ask(), 1 / 16);
});
