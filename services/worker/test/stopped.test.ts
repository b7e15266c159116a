/** A worker that is stopped between taking a call and writing it to its child, and goes on: a real worker with a real child. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode, encode, openMemoryCluster, type Cluster, type DownHead } from '@causeway/cluster';
import { ANONYMOUS, newEdgeId } from '@causeway/protocol';
import { ask, open, setting } from './real-worker.ts';

/** A cluster whose store says nothing of leases between the first message of a client, of which `taken` is told, and `answer`. */
async function clusterWhere(taken: () => void) {
  const cluster: Cluster = await openMemoryCluster();
  const { ledger } = cluster;
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  let silent = false;
  const lease = ledger.lease.bind(ledger);
  ledger.lease = async (record) => {
    const granted = await lease(record);
    const confirm = granted.confirm.bind(granted);
    granted.confirm = async () => {
      if (silent) ask();
      if (silent) await answered;
      return confirm();
    };
    return granted;
  };
  ledger.age = () => {
    silent = true;
    taken();
    return 0;
  };
  return { cluster, asked, answer };
}

/** Opens a session, and has it called while the worker stands still for `ms` between taking the call and writing it. */
async function callWhileStopped(t: TestContext, ms: number) {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  // The time of day knows of it, and the turn in which the call was taken is not over yet.
  const { cluster, asked, answer } = await clusterWhere(() => queueMicrotask(() => t.mock.timers.setTime(Date.now() + ms)));
  const here = await setting(t, { cluster });
  const token = await open(here, 'git', 'stopped');
  const said = Promise.withResolvers<{
    readonly result?: { readonly at: number };
    readonly error?: { readonly data: { readonly reason: string } };
  }>();
  const to = cluster.subjects.stream(newEdgeId(), 'g2');
  await cluster.bus.subscribe(to, ({ data }) => {
    const { head, body } = decode<DownHead>(data)!;
    if (head.t === 'server') said.resolve(JSON.parse(body.toString()));
  });
  const frame = { kind: 'request', method: 'ping', id: { start: 22, end: 23 } } as const;
  const head = { t: 'client', identity: ANONYMOUS, stamp: 1, frame, stream: 'g2' } as const;
  const where = cluster.subjects.sessionIn(here.worker.id, { token, epoch: 1 });
  cluster.bus.publish(where, encode(head, Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}')), to);
  await asked;
  await sleep(100);
  const confirmed = performance.timeOrigin + performance.now();
  answer();
  return { here, confirmed, said: await said.promise };
}

test(
  'a call that was taken before the worker was stopped reaches its child only with the word of the store',
  { timeout: 20_000 },
  async (t) => {
    const { confirmed, said } = await callWhileStopped(t, 5_000);
    assert.ok(said.result!.at >= confirmed - 1);
  },
);

test('one that was taken too long before does not reach it any more, and its session ends', { timeout: 20_000 }, async (t) => {
  const { here, said } = await callWhileStopped(t, 25_000);
  assert.equal(said.error?.data.reason, 'cluster.owner_lost');
  const { sessions } = await ask<{ readonly sessions: readonly { readonly state: string }[] }>(here, { t: 'list' });
  assert.deepEqual(
    sessions.filter(({ state }) => state !== 'closing'),
    [],
  );
});
