import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease, Ledger, WorkerRecord } from '@causeway/cluster';
import { CausewayError, newWorkerId } from '@causeway/protocol';
import { fakeTime, silentLog } from '@causeway/runtime';
import { openTenure } from '../src/tenure.ts';

const record: WorkerRecord = {
  v: 1,
  worker: newWorkerId(),
  host: 'h',
  version: '0',
  capacity: 2,
  sessions: 0,
  draining: false,
  servers: {},
};

/** A ledger that grants and takes leases on command. */
function ledger() {
  const granted: { readonly record: WorkerRecord; readonly take: AbortController; readonly changes: object[] }[] = [];
  const refuse = { now: false };
  const asked = { times: 0 };
  const one: Pick<Ledger, 'lease'> = {
    async lease(what) {
      asked.times += 1;
      if (refuse.now) throw new CausewayError('cluster.unavailable');
      const take = new AbortController();
      const changes: object[] = [];
      granted.push({ record: what, take, changes });
      const lease: Lease = {
        lost: take.signal,
        remaining: () => 1,
        update: (change) => void changes.push(change),
        async [Symbol.asyncDispose]() {},
      };
      return lease;
    },
  };
  return { one: one as Ledger, granted, refuse, asked };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a lost lease ends the sessions before another one is asked for, and it is asked for until granted', async () => {
  const { one, granted, refuse, asked } = ledger();
  const time = fakeTime();
  const ending = Promise.withResolvers<void>();
  const tenure = await openTenure({ ledger: one, wheel: time.wheel, log: silentLog(), lost: () => ending.promise }, record);
  tenure.update({ sessions: 1 });
  refuse.now = true;
  granted[0]!.take.abort();
  assert.ok(!tenure.held);
  await turn();
  assert.equal(asked.times, 1, 'not while sessions end');
  tenure.update({ sessions: 0 });
  ending.resolve();
  await turn();
  time.advance(500);
  await turn();
  assert.equal(asked.times, 3);
  refuse.now = false;
  time.advance(1_000);
  await turn();
  assert.ok(tenure.held);
  assert.equal(granted[1]?.record.sessions, 0);
  await tenure[Symbol.asyncDispose]();
});

test('after its end nothing is asked for any more', async () => {
  const { one, granted, refuse, asked } = ledger();
  const time = fakeTime();
  const tenure = await openTenure({ ledger: one, wheel: time.wheel, log: silentLog(), lost: () => Promise.resolve() }, record);
  refuse.now = true;
  granted[0]!.take.abort();
  await turn();
  await tenure[Symbol.asyncDispose]();
  const before = asked.times;
  time.advance(60_000);
  await turn();
  assert.equal(asked.times, before);
});
