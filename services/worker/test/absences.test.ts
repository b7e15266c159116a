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
  const says: { recent: boolean; stamp: number | undefined } = { recent: true, stamp: 1 };
  let now = 0;
  const due = new Set<() => void>();
  const turns = async (): Promise<void> => {
    for (let at = 0; at < 10; at++) await turn();
  };
  let overdue = (_worker: WorkerId): void => undefined;
  let changed = (): void => undefined;
  const ledger = {
    onOverdue: (fn: typeof overdue) => ((overdue = fn), () => undefined),
    onChange: (fn: typeof changed) => ((changed = fn), () => undefined),
    recentlyHeard: () => says.recent,
    stamp: () => says.stamp,
  } as unknown as Ledger;
  const { bus, subjects } = cluster;
  const absences = new Absences({
    cluster: { bus, subjects, ledger },
    worker: newWorkerId(),
    now: () => now,
    wheel: {
      size: 0,
      after(_ms, fn) {
        due.add(fn);
        return () => void due.delete(fn);
      },
      [Symbol.dispose]: () => undefined,
    },
  });
  t.after(() => absences[Symbol.dispose]());
  const arrive = () => bus.subscribe(subjects.workerAll(other), () => undefined);
  return {
    absences,
    other,
    says,
    arrive,
    pass: (ms: number) => void (now += ms),
    due,
    overdue: async () => {
      overdue(other);
      await turns();
    },
    /** The next look of itself. */
    again: async () => {
      for (const fn of due) if (due.delete(fn)) fn();
      await turns();
    },
    change: () => changed(),
  };
}

const left = async (absences: Absences, worker: WorkerId): Promise<boolean> => {
  const look = await absences.look(worker);
  assert.ok(typeof look === 'object', JSON.stringify(look));
  return look.left;
};

test('who dies is known to have left, also by whoever asks much later', async (t) => {
  const { absences, other, says, overdue } = await setting(t);
  await overdue();
  says.recent = false;
  assert.deepEqual(await left(absences, other), true);
});

test('who was not looked for in time may be cut off only', async (t) => {
  const { absences, other, says, overdue } = await setting(t);
  says.recent = false;
  await overdue();
  assert.equal(await left(absences, other), false);
  // Its record was there, but nothing could be told of its age.
  says.recent = true;
  assert.equal(await left(absences, other), true);
});

test('one that dies a moment after it was found is known to have left all the same', async (t) => {
  const { absences, other, says, overdue, again, arrive, due } = await setting(t);
  const subscription = await arrive();
  await overdue();
  while (due.size === 0) await turn();
  subscription.unsubscribe();
  await again();
  says.recent = false;
  assert.equal(await left(absences, other), true);
  await again();
  assert.equal(due.size, 0, 'nothing more can be told');
});

test('one that is heard again is looked at no more', async (t) => {
  const { says, overdue, again, due } = await setting(t);
  await overdue();
  says.stamp = 2;
  await again();
  assert.equal(due.size, 0);
});

test('when it is over no look is left', async (t) => {
  const { absences, overdue, due } = await setting(t);
  await overdue();
  assert.equal(due.size, 1);
  absences[Symbol.dispose]();
  assert.equal(due.size, 0);
});

test('what was known of one is forgotten when it renews its record, when it is found, and when its record is gone', async (t) => {
  const { absences, other, says, pass, overdue, arrive, change } = await setting(t);
  await overdue();
  says.recent = false;
  says.stamp = 2;
  assert.equal(await left(absences, other), false);
  says.recent = true;
  assert.equal(await left(absences, other), true);
  pass(1);
  const subscription = await arrive();
  assert.equal(await absences.look(other), 'there');
  subscription.unsubscribe();
  says.recent = false;
  assert.equal(await left(absences, other), false);
  says.recent = true;
  assert.equal(await left(absences, other), true);
  [says.recent, says.stamp] = [false, undefined];
  change();
  says.stamp = 2;
  assert.equal(await left(absences, other), false);
});

test('an answer that was not read in time tells nothing', async (t) => {
  const { absences, other, arrive, pass } = await setting(t);
  await arrive();
  const look = absences.look(other);
  pass(2_000);
  assert.equal(await look, 'late');
});
