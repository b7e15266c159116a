/** What a worker knows of another at whom the bus finds nobody. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster, type Ledger } from '@causeway/cluster';
import { newWorkerId, type WorkerId } from '@causeway/protocol';
import { Absences } from '../src/absences.ts';

/** A bus in memory, and a ledger that says what a test tells it to. */
async function setting(t: TestContext) {
  const cluster = await openMemoryCluster();
  t.after(() => cluster[Symbol.asyncDispose]());
  const other = newWorkerId();
  const says = { recent: true, stamp: 1 };
  const living = new Set([other]);
  let now = 0;
  let overdue = (_worker: WorkerId): void => undefined;
  let changed = (): void => undefined;
  const ledger = {
    onOverdue: (fn: typeof overdue) => ((overdue = fn), () => undefined),
    onChange: (fn: typeof changed) => ((changed = fn), () => undefined),
    recentlyHeard: () => says.recent,
    stamp: () => says.stamp,
    workers: () => living,
  } as unknown as Ledger;
  const { bus, subjects } = cluster;
  const absences = new Absences({
    cluster: { bus, subjects, ledger },
    worker: newWorkerId(),
    now: () => now,
    sleep: async () => undefined,
  });
  t.after(() => absences[Symbol.dispose]());
  const arrive = () => bus.subscribe(subjects.workerAll(other), () => undefined);
  return {
    absences,
    other,
    says,
    arrive,
    pass: (ms: number) => void (now += ms),
    overdue: async () => {
      overdue(other);
      for (let at = 0; at < 10; at++) await turn();
    },
    vanish: () => {
      living.clear();
      changed();
    },
  };
}

test('who dies is known to have left, and since when, also by whoever asks much later', async (t) => {
  const { absences, other, says, pass, overdue } = await setting(t);
  await overdue();
  pass(8_000);
  says.recent = false;
  assert.deepEqual(await absences.look(other), { since: 0, left: true, stamp: 1 });
});

test('who was not looked for in time may be cut off only', async (t) => {
  const { absences, other, says, pass, overdue } = await setting(t);
  says.recent = false;
  await overdue();
  pass(8_000);
  assert.deepEqual(await absences.look(other), { since: 8_000, left: false, stamp: 1 });
  pass(1_000);
  assert.deepEqual(await absences.look(other), { since: 8_000, left: false, stamp: 1 }, 'it is absent since the first look');
});

test('what was known of one is forgotten when it renews its record, when it is found, and when its record is gone', async (t) => {
  const { absences, other, says, pass, overdue, arrive, vanish } = await setting(t);
  await overdue();
  pass(5_000);
  says.stamp = 2;
  assert.deepEqual(await absences.look(other), { since: 5_000, left: true, stamp: 2 });
  const subscription = await arrive();
  assert.equal(await absences.look(other), 'there');
  subscription.unsubscribe();
  pass(1_000);
  assert.deepEqual(await absences.look(other), { since: 6_000, left: true, stamp: 2 });
  vanish();
  says.recent = false;
  assert.deepEqual(await absences.look(other), { since: 6_000, left: false, stamp: 2 });
});

test('an answer that was not read in time tells nothing', async (t) => {
  const { absences, other, arrive, pass } = await setting(t);
  await arrive();
  const look = absences.look(other);
  pass(2_000);
  assert.equal(await look, 'late');
});
