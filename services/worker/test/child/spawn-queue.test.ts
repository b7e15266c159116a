import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '@causeway/protocol';
import { openSpawnQueue } from '../../src/child/spawn-queue.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await turn();
}

/** A task that runs until it is let go. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  let started = false;
  const task = (): Promise<void> => {
    started = true;
    return promise;
  };
  return { task, finish: resolve, started: () => started };
}

test('so many run and so many wait; one more is refused, until one is done', async () => {
  const queue = openSpawnQueue({ concurrency: 2, waiting: 3, random: () => 0.5 });
  const tasks = Array.from({ length: 5 }, held);
  const runs = tasks.map(({ task }) => queue.run(task));
  await assert.rejects(
    queue.run(async () => {}),
    (error) => {
      assert(error instanceof CausewayError);
      assert.deepEqual([error.reason, error.retryAfter], ['limit.worker', 3]);
      return true;
    },
  );
  await turns(10);
  assert.deepEqual(
    tasks.map(({ started }) => started()),
    [true, true, false, false, false],
  );
  assert.deepEqual([queue.running, queue.waiting], [2, 3]);
  tasks[0]?.finish();
  await turns(3);
  assert.deepEqual([queue.running, queue.waiting], [2, 2]);
  const late = queue.run(async () => 'late');
  for (const { finish } of tasks) finish();
  assert.equal(await late, 'late');
  await Promise.all(runs);
  assert.deepEqual([queue.running, queue.waiting], [0, 0]);
});

test('the loop turns between two starts', async () => {
  const queue = openSpawnQueue({ concurrency: 8, waiting: 8 });
  const tasks = Array.from({ length: 8 }, held);
  const runs = tasks.map(({ task }) => queue.run(task));
  let most = 0;
  for (let before = 0, n = 0; before < 8 && n < 100; n += 1) {
    await turn();
    const started = tasks.filter((task) => task.started()).length;
    most = Math.max(most, started - before);
    before = started;
  }
  assert.equal(most, 1);
  for (const { finish } of tasks) finish();
  await Promise.all(runs);
});

test('a failing task gives its place back', async () => {
  const queue = openSpawnQueue({ concurrency: 1, waiting: 1 });
  const failure = new Error('no');
  await assert.rejects(
    queue.run(() => Promise.reject(failure)),
    failure,
  );
  await assert.rejects(
    queue.run(() => {
      throw failure;
    }),
    failure,
  );
  assert.equal(await queue.run(async () => 1), 1);
});

test('a task whose signal aborts while it waits never runs and gives its place back', async () => {
  const queue = openSpawnQueue({ concurrency: 1, waiting: 1 });
  const first = held();
  const running = queue.run(first.task);
  await turns(2);
  const controller = new AbortController();
  const waiting = held();
  const outcome = queue.run(waiting.task, controller.signal);
  const reason = new Error('client is gone');
  controller.abort(reason);
  await assert.rejects(outcome, reason);
  assert.equal(queue.waiting, 0);
  const next = queue.run(async () => 'next');
  first.finish();
  assert.equal(await next, 'next');
  await running;
  assert.equal(waiting.started(), false);
  await assert.rejects(queue.run(waiting.task, controller.signal), reason);
});

test('the advice to come back is spread over 1 to 5 seconds', async () => {
  for (const [random, seconds] of [
    [0, 1],
    [0.999, 5],
  ] as const) {
    const queue = openSpawnQueue({ concurrency: 0, waiting: 0, random: () => random });
    await assert.rejects(
      queue.run(async () => {}),
      (error) => error instanceof CausewayError && error.retryAfter === seconds,
    );
  }
});
