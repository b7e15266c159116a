/** Who is told of as overdue, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkerId } from '@causeway/protocol';
import { Overdue } from '../src/overdue.ts';
import { ORIGIN, RecordsView, type SeenRecord } from '../src/records.ts';

function setting() {
  const timers = new Map<() => void, number>();
  let now = 0;
  const time = {
    now: () => now,
    random: () => 0,
    after(ms: number, fn: () => void) {
      timers.set(fn, now + ms);
      return () => void timers.delete(fn);
    },
  };
  const pass = (ms: number): void => {
    for (const end = now + ms; now < end;) {
      now += 100;
      for (const [fn, at] of [...timers]) if (at <= now && timers.delete(fn)) fn();
    }
  };
  const view = new RecordsView(time, { ttl: 20_000, heartbeat: 2_000, fence: 14_000 });
  const overdue = new Overdue(view, time, 3_000);
  let sequence = 1;
  const record = (key: string): SeenRecord => {
    sequence += 1;
    return { key: key as WorkerId, sequence, stored: now, text: JSON.stringify({ v: 1, worker: key, holds: {} }) };
  };
  view.snapshot([{ key: ORIGIN, sequence: 1, stored: 0, text: '{}' }, record('a'), record('b')], 3);
  return { view, overdue, timers, pass, record };
}

test('a worker that renews nothing is told of once, until it is seen again; who renews, and who is gone, never', () => {
  const { view, overdue, pass, record } = setting();
  const told: string[] = [];
  overdue.on((worker) => told.push(worker));
  for (let at = 0; at < 5; at++) {
    pass(2_000);
    view.change(record('a'));
  }
  assert.deepEqual(told, ['b']);
  view.change(record('b'));
  for (let at = 0; at < 2; at++) {
    pass(2_000);
    view.change(record('a'));
  }
  assert.deepEqual(told, ['b', 'b']);
  view.change({ key: 'a' as WorkerId, sequence: 99, stored: 0, gone: 'taken' });
  pass(10_000);
  assert.deepEqual(told, ['b', 'b']);
});

test('nobody is overdue while nothing can be heard, nor for as long again once it can', () => {
  const { view, overdue, pass, record } = setting();
  const told: string[] = [];
  overdue.on((worker) => told.push(worker));
  view.cut();
  pass(10_000);
  view.snapshot([record('a'), record('b')], 5);
  pass(2_900);
  assert.deepEqual(told, []);
  pass(3_000);
  assert.deepEqual(told, ['a', 'b']);
});

test('where nobody listens no timer runs', () => {
  const { overdue, timers, pass } = setting();
  const before = timers.size;
  const stop = overdue.on(() => undefined);
  pass(100);
  assert.equal(timers.size, before + 1);
  stop();
  assert.equal(timers.size, before);
});
