/** What the view of the workers' records relies on when the log may have been emptied, or was silent, while nothing came from it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WorkerId } from '@causeway/protocol';
import { ORIGIN, RecordsView, type SeenRecord } from '../src/records.ts';

const TIMES = { ttl: 20_000, heartbeat: 2_000, fence: 14_000 };

function setting() {
  const clock = { now: 100_000 };
  const view = new RecordsView({ now: () => clock.now, random: () => 0, after: () => () => undefined }, TIMES);
  const origin: SeenRecord = { key: ORIGIN, sequence: 1, stored: clock.now, text: '{}' };
  const record = (key: string, sequence: number, stored = clock.now): SeenRecord => ({
    key: key as WorkerId,
    sequence,
    stored,
    text: JSON.stringify({ v: 1, worker: key, holds: {} }),
  });
  view.snapshot([origin, record('a', 2)], 2);
  return { clock, view, record };
}

describe('the view of the records', () => {
  it('a log that was emptied is relied on by whoever has seen all that was written to it', () => {
    const { view, record } = setting();
    assert.equal(view.whole, true);
    view.snapshot([record('a', 3), record('b', 4)], 4);
    assert.equal(view.whole, true);
    assert.notEqual(view.wipedSince, undefined);
    view.change(record('c', 5));
    assert.equal(view.whole, true);
  });

  it('not by one who looks at it anew and finds that something was written of which nothing is left', () => {
    const { view, record } = setting();
    view.snapshot([record('a', 4)], 4);
    assert.equal(view.whole, false);
    view.change({ key: ORIGIN, sequence: 5, stored: 0, text: '{}' });
    assert.equal(view.whole, true);
  });

  it('nor by one to whom something comes behind what never came', () => {
    const { clock, view, record } = setting();
    view.wiped();
    assert.equal(view.whole, true);
    clock.now += 1_000;
    view.change(record('a', 4));
    assert.equal(view.whole, false);
    // What comes so later does not put off the moment from which the log may be marked again.
    const since = view.wipedSince;
    clock.now += 1_000;
    view.change(record('a', 6));
    assert.equal(view.wipedSince, since);
  });

  it('what comes first after a silence tells nothing of the time: it may have waited', () => {
    const { clock, view, record } = setting();
    const [a, b] = ['a', 'b'] as readonly string[] as readonly [WorkerId, WorkerId];
    view.change(record(a, 3));
    assert.equal(view.recentlyHeard(a), true);
    const stored = clock.now + 1_000;
    clock.now += 12_000;
    view.change(record(b, 4, stored));
    assert.deepEqual([view.recentlyHeard(a), view.recentlyHeard(b)], [false, false]);
    clock.now += 4_000;
    view.change(record(b, 5));
    clock.now += 1_500;
    assert.deepEqual([view.recentlyHeard(a), view.recentlyHeard(b)], [false, true]);
  });

  it('whoever keeps the clock of the log may set it back, or be replaced by one whose clock is behind', () => {
    const { clock, view, record } = setting();
    const a = ['a'] as readonly string[] as readonly [WorkerId];
    let sequence = 3;
    const renew = (times: number, behind: number): void => {
      for (let at = 0; at < times; at++) {
        clock.now += 2_000;
        view.change(record(a[0], sequence++, clock.now - behind));
      }
    };
    renew(30, 0);
    assert.equal(view.recentlyHeard(a[0]), true);
    renew(1, 8_000);
    assert.equal(view.recentlyHeard(a[0]), false, 'it cannot be told from one that had waited');
    renew(8, 8_000);
    assert.equal(view.recentlyHeard(a[0]), true);
    clock.now += 6_000;
    assert.equal(view.recentlyHeard(a[0]), false);
  });
});
