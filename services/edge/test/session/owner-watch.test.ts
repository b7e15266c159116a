import assert from 'node:assert/strict';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { BusError, encode, openMemoryCluster, type Bus, type BusMessage, type Cluster, type NewRecord } from '@causeway/cluster';
import { newWorkerId, type WorkerId } from '@causeway/protocol';
import { fakeTime, type FakeTime } from '@causeway/runtime';
import { OwnerWatch } from '../../src/session/owner-watch.ts';

const record = (worker: WorkerId): NewRecord => ({ v: 1, worker, host: 'h', version: '0', capacity: 1, draining: false, servers: {} });

function watchOf(cluster: Cluster, worker: WorkerId, time = fakeTime()) {
  /** Milliseconds in which nothing ran, deadlines neither. */
  let stood = 0;
  const lost: string[] = [];
  const missing: number[] = [];
  const lossy: number[] = [];
  const deps = {
    cluster,
    wheel: time.wheel,
    now: () => time.clock.monotonic() + stood,
    lost: (name: string) => {
      lost.push(name);
      watch.release(worker, name);
    },
    missing: () => missing.push(time.clock.monotonic()),
    lossy: () => lossy.push(time.clock.monotonic()),
  };
  const watch = new OwnerWatch(deps);
  watch.hold(worker, 'call');
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) {
      time.advance(100);
      await turn();
      await turn();
    }
  };
  const stand = (ms: number): void => void (stood += ms);
  return { watch, lost, missing, lossy, pass, stand };
}

test('a record that is gone is no proof: whoever the bus still finds may have answered already', async () => {
  await using cluster = await openMemoryCluster();
  const worker = newWorkerId();
  await cluster.bus.subscribe(cluster.subjects.alive(worker), ({ reply }) => {
    if (reply !== undefined) cluster.bus.publish(reply, encode({ t: 'living', losses: 0 }));
  });
  const { watch, lost, pass } = watchOf(cluster, worker);
  watch.keep(new Set());
  await pass(5_000);
  assert.deepEqual(lost, []);
  watch[Symbol.dispose]();
});

test('where the bus finds nobody for two seconds the worker is lost, not before: it may be finding its way back to the bus', async () => {
  await using cluster = await openMemoryCluster();
  const worker = newWorkerId();
  const { watch, lost, missing, pass } = watchOf(cluster, worker);
  watch.keep(new Set());
  await pass(1_400);
  assert.deepEqual(missing, []);
  await pass(600);
  assert.deepEqual(lost, []);
  assert.ok(missing.length > 0, 'it is told halfway');
  await pass(1_000);
  assert.deepEqual(lost, ['call']);
  watch[Symbol.dispose]();
});

/** A cluster whose bus answers, or does not, in the time of the test. */
function answering(cluster: Cluster, time: FakeTime) {
  const worker = { talks: true, takes: 0 };
  const living: BusMessage = { kind: 'data', subject: 'answer', reply: undefined, data: Buffer.from(encode({ t: 'living', losses: 0 })) };
  const request: Bus['request'] = (subject, _asked, { deadline }) => {
    const { promise, resolve, reject } = Promise.withResolvers<BusMessage>();
    if (worker.talks) time.wheel.after(worker.takes, () => resolve(living));
    time.wheel.after(deadline, () => reject(new BusError('timeout', subject)));
    return promise;
  };
  const bus = Object.assign(Object.create(cluster.bus) as Bus, { request });
  return { cluster: { ...cluster, bus }, worker };
}

test('what this edge itself stood still for is not the silence of its workers', async () => {
  await using memory = await openMemoryCluster();
  const time = fakeTime();
  const { cluster, worker } = answering(memory, time);
  const { watch, lost, pass, stand } = watchOf(cluster, newWorkerId(), time);
  await pass(1_000);
  // Stopped between two questions, and once more with some on their way, whose answers lie unread.
  stand(9_000);
  await pass(1_000);
  worker.takes = 2_000;
  await pass(1_500);
  stand(9_000);
  await pass(3_000);
  assert.deepEqual(lost, []);
  worker.takes = 0;
  await pass(3_000);
  worker.talks = false;
  await pass(2_500);
  assert.deepEqual(lost, []);
  await pass(2_000);
  assert.deepEqual(lost, ['call'], 'silent for as long while this edge ran');
  watch[Symbol.dispose]();
});

test('an answer that takes longer than it is until the next question is one', async () => {
  await using memory = await openMemoryCluster();
  const time = fakeTime();
  const { cluster, worker } = answering(memory, time);
  worker.takes = 2_500;
  const { watch, lost, pass } = watchOf(cluster, newWorkerId(), time);
  await pass(15_000);
  assert.deepEqual(lost, []);
  watch[Symbol.dispose]();
});

test('one that was not found for a moment is asked again for what it had sent: what comes back to it on such a way it gives up', async () => {
  await using cluster = await openMemoryCluster();
  const worker = newWorkerId();
  let losses = 0;
  const open = () =>
    cluster.bus.subscribe(cluster.subjects.alive(worker), ({ reply }) => {
      if (reply !== undefined) cluster.bus.publish(reply, encode({ t: 'living', losses }));
    });
  const first = await open();
  const { watch, lost, lossy, pass } = watchOf(cluster, worker);
  await pass(1_100);
  assert.deepEqual([lost, lossy], [[], []]);
  first.unsubscribe();
  await pass(600);
  await open();
  await pass(600);
  assert.deepEqual([lost, lossy.length], [[], 1]);
  await pass(2_000);
  assert.equal(lossy.length, 1, 'once');
  losses = 1;
  await pass(600);
  assert.equal(lossy.length, 2, 'and once for what it has lost itself');
  watch.reconnect();
  watch[Symbol.dispose]();
});

test('since the bus is back nobody is lost whom it does not find, before the log of the records is seen further: servers that were started anew find each other later than their clients find them', async () => {
  await using cluster = await openMemoryCluster();
  const worker = newWorkerId();
  const { watch, lost, missing, pass } = watchOf(cluster, worker);
  watch.reconnect();
  await pass(10_000);
  assert.deepEqual([lost, missing], [[], []]);
  await using _lease = await cluster.ledger.lease(record(newWorkerId()));
  await pass(1_900);
  assert.deepEqual(lost, [], 'it counts from there');
  await pass(1_200);
  assert.deepEqual(lost, ['call']);
  watch[Symbol.dispose]();
});

test('where nothing is seen of the log at all, nobody is waited for longer than a lease lasts', async () => {
  await using cluster = await openMemoryCluster();
  const worker = newWorkerId();
  const { watch, lost, pass } = watchOf(cluster, worker);
  watch.reconnect();
  await pass(20_000);
  assert.deepEqual(lost, []);
  await pass(3_000);
  assert.deepEqual(lost, ['call']);
  watch[Symbol.dispose]();
});

test('one that is found and says nothing is lost, and known as silent until it says something; without a record it is gone', async () => {
  await using cluster = await openMemoryCluster();
  const worker = newWorkerId();
  await using lease = await cluster.ledger.lease(record(worker));
  let stopped = true;
  await cluster.bus.subscribe(cluster.subjects.alive(worker), ({ reply }) => {
    if (!stopped && reply !== undefined) cluster.bus.publish(reply, encode({ t: 'living', losses: 0 }));
  });
  const { watch, lost, pass } = watchOf(cluster, worker);
  assert.equal(watch.presence(worker), 'there');
  // A request has its deadline from the bus's own clock.
  while (lost.length === 0) await sleep(100).then(() => pass(100));
  assert.equal(watch.presence(worker), 'silent');
  stopped = false;
  while (watch.presence(worker) === 'silent') await sleep(100).then(() => pass(100));
  assert.equal(watch.presence(worker), 'there');
  stopped = true;
  watch.hold(worker, 'call');
  while (watch.presence(worker) === 'there') await sleep(100).then(() => pass(100));
  await lease[Symbol.asyncDispose]();
  assert.equal(watch.presence(worker), 'gone');
  watch[Symbol.dispose]();
});

test('an answer that comes when what waited has gone, and something else waits, ends no watch', async () => {
  await using cluster = await openMemoryCluster();
  const worker = newWorkerId();
  const asked: (string | undefined)[] = [];
  const answer = (): void => cluster.bus.publish(asked.shift()!, encode({ t: 'living', losses: 0 }));
  const subscription = await cluster.bus.subscribe(cluster.subjects.alive(worker), ({ reply }) => asked.push(reply));
  const { watch, lost, pass } = watchOf(cluster, worker);
  await pass(600);
  assert.equal(asked.length, 1);
  watch.release(worker, 'call');
  watch.hold(worker, 'stream');
  answer();
  await pass(600);
  assert.equal(asked.length, 1, 'it is asked on');
  answer();
  subscription.unsubscribe();
  await pass(4_000);
  assert.deepEqual(lost, ['stream']);
  watch[Symbol.dispose]();
});
