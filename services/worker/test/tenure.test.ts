import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease, Ledger, LeaseLoss, NewRecord, RecordChange } from '@causeway/cluster';
import { CausewayError, newWorkerId } from '@causeway/protocol';
import { fakeTime, silentLog, type Log } from '@causeway/runtime';
import type { HeldSessions } from '../src/held-sessions.ts';
import { openTenure } from '../src/tenure.ts';
import { Standstill } from '../src/standstill.ts';

const record: NewRecord = { v: 1, worker: newWorkerId(), host: 'h', version: '0', capacity: 2, draining: false, servers: {} };

interface Granted {
  readonly record: NewRecord;
  readonly changes: RecordChange[];
  readonly lose: (why: LeaseLoss) => void;
  readonly confirm: () => void;
}

/** A ledger that grants and takes leases on command. */
function ledger() {
  const granted: Granted[] = [];
  const refuse = { now: false };
  const doubt = { now: false };
  const failure: { now: unknown } = { now: undefined };
  const asked = { times: 0 };
  /** What a request waits for before it is answered. */
  const slow: { until?: Promise<void> | undefined } = {};
  const one: Pick<Ledger, 'lease' | 'spread'> = {
    spread: 300,
    async lease(what) {
      asked.times += 1;
      await slow.until;
      if (refuse.now) throw new CausewayError('cluster.unavailable');
      const lost = new AbortController();
      const { promise, resolve } = Promise.withResolvers<number>();
      const changes: RecordChange[] = [];
      granted.push({ record: what, changes, lose: (why) => lost.abort(why), confirm: () => resolve(1) });
      const lease: Lease = {
        lost: lost.signal,
        failure: failure.now,
        remaining: () => (lost.signal.aborted ? 0 : 1),
        doubtful: () => doubt.now,
        confirm: () => promise,
        update: (change) => void changes.push(change),
        admit: () => Promise.reject(new CausewayError('limit.total')),
        async [Symbol.asyncDispose]() {},
      };
      return lease;
    },
  };
  return { one: one as Ledger, granted, refuse, doubt, failure, asked, slow };
}

/** Sessions that write down what is done to them. */
function sessions() {
  const done: string[] = [];
  const waitFor = new Set<string>();
  const ending = Promise.withResolvers<void>();
  const held: HeldSessions = {
    suspend: (why) => {
      waitFor.add(why);
      done.push('suspend');
    },
    resume: () => {
      waitFor.delete('doubt');
      done.push('resume');
    },
    readmit: async () => {
      waitFor.delete('lease');
      return done.push('readmit') > 0;
    },
    end: () => {
      done.push('end');
      return ending.promise;
    },
  };
  return { held, done, waitFor, ended: () => ending.resolve() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function setting(grace: number) {
  const cluster = ledger();
  const kept = sessions();
  const time = fakeTime();
  /** Milliseconds in which the machine stood still: its monotonic clock knows nothing of them. */
  const machine = { still: 0 };
  const clock = { monotonic: () => time.clock.monotonic(), now: () => time.clock.now() + machine.still };
  const now = (): number => clock.monotonic();
  const standstill = new Standstill(clock, () => undefined);
  const told: unknown[] = [];
  const log: Log = { ...silentLog(), error: (...[facts]: readonly unknown[]) => void told.push(facts) };
  const tenure = await openTenure(
    { ledger: cluster.one, wheel: time.wheel, now, standstill, log, grace: () => grace, sessions: kept.held },
    record,
  );
  return { ...cluster, ...kept, time, machine, tenure, told };
}

test('without grace a lease that ran out ends the sessions before another one is asked for, and that until granted', async () => {
  const { granted, refuse, asked, done, ended, time, tenure } = await setting(0);
  tenure.update({ capacity: 3 });
  refuse.now = true;
  granted[0]!.lose('fenced');
  assert.ok(!tenure.held);
  await turn();
  assert.deepEqual(done, ['suspend', 'end']);
  assert.equal(asked.times, 1, 'not while sessions end');
  ended();
  await turn();
  time.advance(500);
  await turn();
  assert.equal(asked.times, 3);
  refuse.now = false;
  time.advance(1_000);
  await turn();
  assert.ok(tenure.held);
  assert.equal(granted[1]?.record.capacity, 3);
  assert.deepEqual(done, ['suspend', 'end']);
  await tenure[Symbol.asyncDispose]();
});

test('the log says why a lease that ran out was not renewed, where that is known', async () => {
  const { granted, refuse, failure, ended, time, tenure, told } = await setting(0);
  granted[0]!.lose('fenced');
  ended();
  failure.now = new Error('maximum bytes exceeded');
  refuse.now = false;
  time.advance(1_000);
  await turn();
  granted[1]!.lose('fenced');
  const facts = { reason: 'lease_lost', why: 'fenced', grace: 0 };
  assert.deepEqual(told, [
    { ...facts, err: undefined },
    { ...facts, err: failure.now },
  ]);
  await tenure[Symbol.asyncDispose]();
});

test('a bus that is back: the lease is asked for at once, not at the end of a long pause, and never twice at a time', async () => {
  const { granted, refuse, slow, asked, ended, time, tenure } = await setting(0);
  refuse.now = true;
  tenure.connected(false);
  granted[0]!.lose('fenced');
  tenure.connected(true);
  await turn();
  assert.equal(asked.times, 1, 'not while sessions end');
  ended();
  await turn();
  tenure.connected(false);
  for (const pause of [500, 1_000, 2_000, 4_000, 8_000]) {
    time.advance(pause);
    await turn();
  }
  assert.equal(asked.times, 7);
  const { promise, resolve } = Promise.withResolvers<void>();
  slow.until = promise;
  tenure.connected(true);
  assert.equal(asked.times, 8);
  tenure.connected(false);
  tenure.connected(true);
  time.advance(20_000);
  assert.equal(asked.times, 8, 'one is under way');
  resolve();
  await turn();
  time.advance(500);
  await turn();
  assert.equal(asked.times, 9, 'what failed while the bus came back is soon asked again');
  refuse.now = false;
  tenure.connected(true);
  await turn();
  assert.ok(tenure.held);
  tenure.connected(true);
  time.advance(20_000);
  await turn();
  assert.equal(asked.times, 10);
  await tenure[Symbol.asyncDispose]();
});

test('with grace they wait untouched, and go on under the next lease', async () => {
  const { granted, done, tenure } = await setting(60_000);
  granted[0]!.lose('fenced');
  await turn();
  assert.ok(tenure.held);
  assert.deepEqual(done, ['suspend', 'readmit']);
  await tenure[Symbol.asyncDispose]();
});

test('what waited for the word of the store on a lease that was then lost waits for the next one alone', async () => {
  const { granted, waitFor, time, tenure } = await setting(60_000);
  tenure.connected(false);
  time.advance(1_500);
  tenure.connected(true);
  assert.deepEqual([...waitFor], ['doubt']);
  granted[0]!.lose('fenced');
  await turn();
  assert.ok(tenure.held);
  assert.deepEqual([...waitFor], []);
  await tenure[Symbol.asyncDispose]();
});

test('when the grace is over without a lease they end', async () => {
  const { granted, refuse, done, ended, time, tenure } = await setting(5_000);
  refuse.now = true;
  granted[0]!.lose('fenced');
  await turn();
  time.advance(5_000);
  await turn();
  assert.deepEqual(done, ['suspend', 'end']);
  ended();
  refuse.now = false;
  time.advance(10_000);
  await turn();
  assert.ok(tenure.held);
  assert.deepEqual(done, ['suspend', 'end'], 'there is nothing to readmit');
  await tenure[Symbol.asyncDispose]();
});

test('a lease that was taken away puts sessions in doubt, not to an end, whatever the grace', async () => {
  const { granted, done, tenure } = await setting(0);
  granted[0]!.lose('deposed');
  await turn();
  assert.deepEqual(done, ['suspend', 'readmit']);
  await tenure[Symbol.asyncDispose]();
});

test('after a moment without the bus sessions wait for the word of the store; after a short one they do not', async () => {
  const { granted, done, time, tenure } = await setting(0);
  tenure.connected(false);
  time.advance(900);
  tenure.connected(true);
  assert.deepEqual(done, []);
  tenure.connected(false);
  time.advance(1_500);
  tenure.connected(true);
  assert.deepEqual(done, ['suspend']);
  granted[0]!.confirm();
  await turn();
  assert.deepEqual(done, ['suspend', 'resume']);
  await tenure[Symbol.asyncDispose]();
});

test('a bus that was given up because it was silent: how soon it is back does not matter', async () => {
  const { granted, done, time, tenure } = await setting(0);
  tenure.connected(false, true);
  time.advance(100);
  assert.ok(!tenure.certain);
  tenure.connected(true);
  assert.deepEqual(done, ['suspend']);
  granted[0]!.confirm();
  await turn();
  assert.deepEqual(done, ['suspend', 'resume']);
  tenure.connected(false, false);
  time.advance(100);
  tenure.connected(true);
  assert.deepEqual(done, ['suspend', 'resume']);
  await tenure[Symbol.asyncDispose]();
});

test('a word of the store that is read before anybody noticed that this process stood still again ends no doubt', async () => {
  const { granted, done, machine, tenure } = await setting(0);
  machine.still += 5_000;
  tenure.awake();
  assert.deepEqual(done, ['suspend']);
  machine.still += 5_000;
  granted[0]!.confirm();
  await turn();
  assert.deepEqual(done, ['suspend', 'suspend', 'resume'], 'the second doubt has the same word here');
  await tenure[Symbol.asyncDispose]();
});

test('after a moment in which its machine stood still sessions wait for the word of the store, by the first message that comes in', async () => {
  const { granted, done, time, machine, tenure } = await setting(0);
  machine.still += 1_000;
  tenure.awake();
  machine.still -= 3_600_000;
  tenure.awake();
  assert.deepEqual(done, [], 'nobody can have taken the lease away; a clock that is set back means nothing');
  time.advance(10_000);
  assert.deepEqual(done, []);
  machine.still += 25_000;
  tenure.awake();
  assert.deepEqual(done, ['suspend']);
  tenure.awake();
  granted[0]!.confirm();
  await turn();
  assert.deepEqual(done, ['suspend', 'resume']);
  await tenure[Symbol.asyncDispose]();
});

test('a lease that is in doubt by itself: nothing is had or touched until the store has its word', async () => {
  const { granted, doubt, done, time, tenure } = await setting(0);
  doubt.now = true;
  assert.ok(!tenure.held && !tenure.certain);
  tenure.awake();
  time.advance(5_000);
  assert.deepEqual(done, ['suspend'], 'once');
  doubt.now = false;
  assert.ok(tenure.held && !tenure.certain, 'sessions still wait');
  granted[0]!.confirm();
  await turn();
  assert.deepEqual(done, ['suspend', 'resume']);
  assert.ok(tenure.certain);
  await tenure[Symbol.asyncDispose]();
});

test('a doubt is found without anybody asking', async () => {
  const { doubt, done, time, tenure } = await setting(0);
  doubt.now = true;
  time.advance(500);
  assert.deepEqual(done, ['suspend']);
  await tenure[Symbol.asyncDispose]();
});

test('whoever leaves says so, and waits until all know; a store that does not take it down is not waited for', async () => {
  const { granted, time, tenure } = await setting(0);
  let left = false;
  const leaving = tenure.leave().then(() => (left = true));
  assert.deepEqual(granted[0]!.changes, [{ draining: true, left: true }]);
  time.advance(1_000);
  await turn();
  granted[0]!.confirm();
  await turn();
  time.advance(200);
  await turn();
  assert.equal(left, false, 'some may not have seen it');
  time.advance(200);
  await leaving;
  await tenure[Symbol.asyncDispose]();
  const other = await setting(0);
  const silent = other.tenure.leave();
  other.time.advance(2_100);
  await silent;
  await other.tenure[Symbol.asyncDispose]();
});

test('after its end nothing is asked for any more', async () => {
  const { granted, refuse, asked, ended, time, tenure } = await setting(0);
  refuse.now = true;
  granted[0]!.lose('fenced');
  ended();
  await turn();
  await tenure[Symbol.asyncDispose]();
  const before = asked.times;
  time.advance(60_000);
  await turn();
  assert.equal(asked.times, before);
});
