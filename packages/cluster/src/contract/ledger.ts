/** The contract of `Ledger` as tests: every implementation passes all of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CausewayError, newWorkerId, type WorkerId } from '@causeway/protocol';
import type { Ledger, LeaseTimes, NewRecord, WorkerRecord } from '../ledger.ts';
import { soon, until, type Party, type World } from './world.ts';

/** The shortest that NATS can do: it counts TTL in whole seconds. */
export const CONTRACT_TIMES: LeaseTimes = { ttl: 3_000, heartbeat: 300, fence: 1_500 };
/** Milliseconds that a store may take to end a record whose time is over, and to tell. */
const EXPIRY_SLACK = 2_000;

type MakeLedgerWorld = (times: LeaseTimes) => Promise<World<Ledger>>;
type Pair = { readonly world: World<Ledger>; readonly a: Party<Ledger>; readonly b: Party<Ledger> };

export function record(change: Partial<NewRecord> = {}): NewRecord {
  const servers = { files: { default: true, path: '/files', recovery: 'restart' } } as const;
  return { v: 1, worker: newWorkerId(), host: 'h', version: '1.0.0', capacity: 10, draining: false, servers, ...change };
}

export function sees(
  ledger: Ledger,
  what: string,
  holds: (workers: ReadonlyMap<WorkerId, WorkerRecord>) => boolean,
  ms?: number,
): Promise<void> {
  return until(
    what,
    (listener) => ledger.onChange(listener),
    () => holds(ledger.workers()),
    ms,
  );
}

const unavailable = (error: unknown): boolean => error instanceof CausewayError && error.reason === 'cluster.unavailable';
const fired = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));

/** Registers the suite. `make` gives a world whose ledgers have the times given. */
export function ledgerContract(make: MakeLedgerWorld): void {
  const pair = (name: string, test: (pair: Pair) => Promise<void>): void =>
    void it(name, async () => {
      await using world = await make(CONTRACT_TIMES);
      const [a, b] = await Promise.all([world.join(), world.join()]);
      await test({ world, a, b });
    });
  void describe('ledger', { concurrency: 4 }, () => {
    records(pair);
    leases(pair);
    views(pair);
    stamps(pair);
  });
}

type Register = (name: string, test: (pair: Pair) => Promise<void>) => void;

function records(pair: Register): void {
  pair('a record is seen by everybody, its holder included, exactly as it was written', async ({ a, b }) => {
    const written = record();
    await using _lease = await a.part.lease(written);
    await sees(a.part, 'own record', (workers) => workers.has(written.worker));
    await sees(b.part, 'record of another', (workers) => workers.has(written.worker));
    assert.deepEqual(b.part.workers().get(written.worker), { ...written, sessions: 0, holds: {} });
  });

  pair('changes become visible, the last one at the latest', async ({ a, b }) => {
    const { worker } = record();
    await using lease = await a.part.lease(record({ worker }));
    for (let capacity = 1; capacity <= 20; capacity += 1) lease.update({ capacity });
    lease.update({ draining: true });
    await sees(b.part, 'the last change', (workers) => workers.get(worker)?.capacity === 20 && workers.get(worker)?.draining === true);
    lease.update({ servers: {}, capacity: 7 });
    await sees(b.part, 'a further change', (workers) => workers.get(worker)?.capacity === 7);
    const changed = record({ worker, draining: true, servers: {}, capacity: 7 });
    assert.deepEqual(b.part.workers().get(worker), { ...changed, sessions: 0, holds: {} });
  });

  pair('who comes later sees what is there', async ({ world, a }) => {
    const workers = await Promise.all(
      Array.from({ length: 5 }, () => record()).map(async (one) => ({ one, lease: await a.part.lease(one) })),
    );
    const late = await world.join();
    assert.deepEqual([...late.part.workers().keys()].toSorted(), workers.map(({ one }) => one.worker).toSorted());
    for (const { lease } of workers) await lease[Symbol.asyncDispose]();
    await sees(late.part, 'nobody', (seen) => seen.size === 0);
  });

  pair('a record that is given back is gone for everybody at once, for good', async ({ a, b }) => {
    const { worker } = record();
    const lease = await a.part.lease(record({ worker }));
    await sees(b.part, 'the record', (workers) => workers.has(worker));
    lease.update({ capacity: 3 });
    await lease[Symbol.asyncDispose]();
    await sees(b.part, 'its end', (workers) => !workers.has(worker), 1_000);
    assert.ok(lease.lost.aborted);
    assert.equal(lease.remaining(), 0);
    lease.update({ capacity: 4 });
    await lease[Symbol.asyncDispose]();
    await using _other = await a.part.lease(record({ worker: newWorkerId() }));
    await sees(b.part, 'another record', (workers) => workers.size > 0);
    assert.ok(!b.part.workers().has(worker));
  });

  pair('a view stays while its member is cut off, and catches up', async ({ a, b }) => {
    const [stays, goes, comes] = [record(), record(), record()];
    await using _stays = await a.part.lease(stays);
    const going = await a.part.lease(goes);
    await sees(b.part, 'both', (workers) => workers.size === 2);
    await b.cut();
    await going[Symbol.asyncDispose]();
    await using _comes = await a.part.lease(comes);
    assert.deepEqual([...b.part.workers().keys()].toSorted(), [stays.worker, goes.worker].toSorted());
    await b.heal();
    await sees(
      b.part,
      'the present state',
      (workers) => workers.has(stays.worker) && workers.has(comes.worker) && !workers.has(goes.worker),
    );
  });
}

function leases(pair: Register): void {
  const { ttl, fence } = CONTRACT_TIMES;

  pair('a lease that is renewed lasts longer than its time', async ({ a, b }) => {
    const { worker } = record();
    await using lease = await a.part.lease(record({ worker }));
    await sees(b.part, 'the record', (workers) => workers.has(worker));
    const vanished = sees(b.part, 'its end', (workers) => !workers.has(worker), ttl + EXPIRY_SLACK);
    await assert.rejects(vanished, /not within/);
    assert.ok(!lease.lost.aborted);
    assert.ok(lease.remaining() > 0 && lease.remaining() <= fence);
    assert.ok(!lease.doubtful(), 'among the others there is no doubt');
  });

  pair('a holder that is cut off is fenced first, and its record expires for the others after', async ({ a, b }) => {
    const { worker } = record();
    await using lease = await a.part.lease(record({ worker }));
    await sees(b.part, 'the record', (workers) => workers.has(worker));
    const gone = sees(b.part, 'expiry', (workers) => !workers.has(worker), ttl + EXPIRY_SLACK).then(() => performance.now());
    await a.cut();
    await soon('the fence', fired(lease.lost), fence + 500);
    const fenced = performance.now();
    assert.equal(lease.remaining(), 0);
    assert.ok((await gone) > fenced, 'the fence comes before anybody could take over');
    await a.heal();
    assert.equal(lease.remaining(), 0, 'a lost lease stays lost');
    await using again = await a.part.lease(record({ worker, capacity: 1 }));
    await sees(b.part, 'a new lease', (workers) => workers.get(worker)?.capacity === 1);
    assert.ok(again.remaining() > 0);
  });

  pair('a cut shorter than the fence costs nothing', async ({ a, b }) => {
    const { worker } = record();
    await using lease = await a.part.lease(record({ worker }));
    await sees(b.part, 'the record', (workers) => workers.has(worker));
    await a.cut();
    lease.update({ capacity: 5 });
    await a.heal();
    await sees(b.part, 'what changed meanwhile', (workers) => workers.get(worker)?.capacity === 5);
    assert.ok(!lease.lost.aborted);
    assert.ok(lease.remaining() > 0 && !lease.doubtful());
  });

  pair('the record of a member that vanished expires', async ({ a, b }) => {
    const { worker } = record();
    const lease = await a.part.lease(record({ worker }));
    await sees(b.part, 'the record', (workers) => workers.has(worker));
    await a.vanish();
    await sees(b.part, 'expiry', (workers) => !workers.has(worker), ttl + EXPIRY_SLACK);
    assert.ok(lease.lost.aborted);
  });

  pair('without a connection there is no lease to be had, and the refusal says so', async ({ a }) => {
    await a.cut();
    await soon('the refusal', assert.rejects(a.part.lease(record()), unavailable), 15_000);
  });
}

function views(pair: Register): void {
  pair('who has caught up has seen what was written before; that takes a lease', async ({ a, b }) => {
    const { worker } = record();
    await assert.rejects(a.part.caughtUp(), unavailable);
    await using _own = await a.part.lease(record());
    for (let capacity = 1; capacity <= 5; capacity += 1) {
      const lease = await b.part.lease(record({ worker, capacity }));
      await a.part.caughtUp();
      assert.equal(a.part.workers().get(worker)?.capacity, capacity);
      await lease[Symbol.asyncDispose]();
      await Promise.all([a.part.caughtUp(), a.part.caughtUp()]);
      assert.ok(!a.part.workers().has(worker));
    }
  });
}

function stamps(pair: Register): void {
  pair('what bears the stamp of a record grows old once there is a newer one', async ({ a, b }) => {
    const { worker } = record();
    assert.equal(b.part.stamp(worker), undefined);
    await using lease = await a.part.lease(record({ worker }));
    await sees(b.part, 'the record', (workers) => workers.has(worker));
    const stamp = b.part.stamp(worker)!;
    for (const capacity of [20, 21]) {
      await sleep(CONTRACT_TIMES.heartbeat);
      lease.update({ capacity });
      for (const { part } of [a, b]) await sees(part, 'a newer record', (workers) => workers.get(worker)?.capacity === capacity);
    }
    const age = a.part.age(worker, stamp);
    assert.ok(age > 0 && age < 10_000, `${age} ms`);
    assert.ok(a.part.age(worker, b.part.stamp(worker)!) < age);
    assert.equal(a.part.age(worker, Number.MAX_SAFE_INTEGER), 0);
  });
}
