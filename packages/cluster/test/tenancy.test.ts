/** What a lease says of writes that fail. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newWorkerId } from '@causeway/protocol';
import { LEASE_TIMES, type NewRecord } from '../src/ledger.ts';
import { RecordsView } from '../src/records.ts';
import { VirtualTime } from '../src/simulation/time.ts';
import { Tenancy } from '../src/tenancy.ts';

const record: NewRecord = { v: 1, worker: newWorkerId(), host: 'h', version: '0', capacity: 2, draining: false, servers: {} };
const FULL = new Error('maximum bytes exceeded');

function world() {
  const time = new VirtualTime(1);
  const state = { full: false, last: 0 };
  const store = {
    live: true,
    async put() {
      if (state.full) throw FULL;
      return (state.last += 1);
    },
    async purge() {},
    resync: () => undefined,
  };
  const nothing = (): void => undefined;
  const deps = { store, view: new RecordsView(time, LEASE_TIMES), time, times: LEASE_TIMES, minority: () => false };
  const lease = new Tenancy(record, { ...deps, wiped: nothing, ended: nothing });
  const pass = (ms: number): Promise<void> => time.run(ms, nothing);
  return { state, lease, pass };
}

test('a lease says why it could not be renewed, until it is', async () => {
  const { state, lease, pass } = world();
  const opened = lease.open(12_000);
  await pass(100);
  await opened;
  assert.equal(lease.failure, undefined);
  state.full = true;
  await pass(5_000);
  assert.equal(lease.failure, FULL);
  state.full = false;
  await pass(1_000);
  assert.equal(lease.failure, undefined);
  state.full = true;
  await pass(20_000);
  assert.deepEqual([lease.lost.reason, lease.failure], ['fenced', FULL]);
});

test('so does one that cannot be had', async () => {
  const { state, lease, pass } = world();
  state.full = true;
  const refused = assert.rejects(lease.open(12_000), {
    reason: 'cluster.unavailable',
    message: 'The worker could not be entered in the ledger in time (maximum bytes exceeded). Check the state of JetStream.',
    cause: FULL,
  });
  await pass(1);
  await pass(13_000);
  await refused;
});
