import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decode, encode, openMemoryCluster, type ControlHead, type DownHead } from '@causeway/cluster';
import { ANONYMOUS, newEdgeId, newWorkerId } from '@causeway/protocol';
import { fakeTime, silentLog } from '@causeway/runtime';
import { Exchanges } from '../../src/session/exchanges.ts';

test('what was sent is sent once more when the bus is back, but not to an owner that is no longer waited for', async () => {
  await using cluster = await openMemoryCluster();
  const { clock, wheel } = fakeTime();
  using exchanges = new Exchanges({ cluster, edge: newEdgeId(), clock, wheel, log: silentLog() });
  await exchanges.open();
  const exchange = exchanges.begin({ receive: () => undefined, undelivered: () => undefined, lost: () => undefined }, 60_000);
  let sent = 0;
  exchange.send(newWorkerId(), 'cw.nowhere', { t: 'info', identity: ANONYMOUS });
  exchange.repeat(() => {
    sent += 1;
  });
  cluster.setConnected(false);
  cluster.setConnected(true);
  assert.equal(sent, 1);
  exchange.unbind();
  cluster.setConnected(false);
  cluster.setConnected(true);
  assert.equal(sent, 1, 'whoever owns it next is found first');
  exchange.end();
});

test('a worker that has left is sent nothing, whether or not it is still at its door', async () => {
  await using cluster = await openMemoryCluster();
  const { clock, wheel } = fakeTime();
  using exchanges = new Exchanges({ cluster, edge: newEdgeId(), clock, wheel, log: silentLog() });
  await exchanges.open();
  const worker = newWorkerId();
  let received = 0;
  const first = Promise.withResolvers<void>();
  await cluster.bus.subscribe('cw.door', () => {
    received += 1;
    first.resolve();
  });
  await using lease = await cluster.ledger.lease({ v: 1, worker, host: 'h', version: '0', capacity: 1, draining: false, servers: {} });
  const known = new Promise<void>((resolve) => cluster.ledger.onChange(() => cluster.ledger.workers().get(worker)?.left && resolve()));
  const told = Promise.withResolvers<void>();
  const exchange = exchanges.begin({ receive: () => undefined, undelivered: () => told.resolve(), lost: () => undefined }, 60_000);
  exchange.send(worker, 'cw.door', { t: 'info', identity: ANONYMOUS });
  await first.promise;
  lease.update({ draining: true, left: true });
  await known;
  exchange.send(worker, 'cw.door', { t: 'info', identity: ANONYMOUS });
  await told.promise;
  assert.equal(received, 1);
  exchange.end();
});

test('what was held for an exchange that has ended is freed by the next collection of the young', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;
  await using cluster = await openMemoryCluster();
  const { clock, wheel } = fakeTime();
  using exchanges = new Exchanges({ cluster, edge: newEdgeId(), clock, wheel, log: silentLog() });
  await exchanges.open();
  const worker = newWorkerId();
  const running: Disposable[] = [];
  const pass = (nth: number): void => {
    const load = Array.from({ length: 1_000 }, () => nth);
    const exchange = exchanges.begin({ receive: () => load, undelivered: () => undefined, lost: () => undefined }, 60_000);
    exchange.send(worker, 'cw.door', { t: 'info', identity: ANONYMOUS });
    running[nth % 32]?.[Symbol.dispose]();
    running[nth % 32] = { [Symbol.dispose]: () => exchange.end() };
  };
  const passMany = async (from: number, to: number): Promise<void> => {
    for (let nth = from; nth < to; nth += 1) {
      pass(nth);
      if (nth % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
  await passMany(0, 1_000);
  collect();
  const before = process.memoryUsage().heapUsed;
  await passMany(1_000, 2_000);
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  const kept = (process.memoryUsage().heapUsed - before) / 1_000;
  assert(kept < 2_000, `${kept} of 8 000 bytes are kept for each`);
});

test('what finds no room here beside other large answers is asked for again a moment later, from where it was', async () => {
  await using cluster = await openMemoryCluster();
  const { clock, wheel, advance } = fakeTime();
  let deliver: Parameters<typeof cluster.bus.subscribe>[1] = () => undefined;
  const { subscribe } = cluster.bus;
  cluster.bus.subscribe = (subject, listener) => {
    deliver = listener;
    return subscribe.call(cluster.bus, subject, listener);
  };
  using exchanges = new Exchanges({ cluster, edge: newEdgeId(), clock, wheel, log: silentLog() });
  await exchanges.open();
  cluster.bus.subscribe = subscribe;
  const asked: unknown[] = [];
  await cluster.bus.subscribe('cw.door', ({ data }) => asked.push(decode<ControlHead>(data)?.head));
  const exchange = exchanges.begin({ receive: () => undefined, undelivered: () => undefined, lost: () => undefined }, 60_000);
  const stream = exchange.name;
  exchange.follow({ owner: newWorkerId(), control: 'cw.door', identity: ANONYMOUS, stream, after: 4 });
  deliver({ kind: 'crowded', subject: exchange.to, reply: 'back', data: Buffer.alloc(0) });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await turn();
  assert.deepEqual(asked, []);
  advance(500);
  for (let nth = 0; nth < 5; nth += 1) await turn();
  assert.deepEqual(asked, [{ t: 'attach', identity: ANONYMOUS, stream, after: 4 }]);
  exchange.end();
});

test('an owner that was asked for a call several times is believed once when it says that it never heard of it', async () => {
  await using cluster = await openMemoryCluster();
  const { clock, wheel } = fakeTime();
  using exchanges = new Exchanges({ cluster, edge: newEdgeId(), clock, wheel, log: silentLog() });
  await exchanges.open();
  const asked: string[] = [];
  await cluster.bus.subscribe('cw.door', (message) => asked.push(message.reply!));
  const heard: (string | undefined)[] = [];
  const receive = (head: DownHead): void => void heard.push(head.t === 'no' ? head.reason : head.t);
  const exchange = exchanges.begin({ receive, undelivered: () => undefined, lost: () => heard.push('lost') }, 60_000);
  const owner = newWorkerId();
  exchange.follow({ owner, control: 'cw.door', identity: ANONYMOUS, stream: exchange.name, after: 0 });
  for (let nth = 0; nth < 3; nth += 1) {
    cluster.setConnected(false);
    cluster.setConnected(true);
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (let nth = 0; nth < 5; nth += 1) await turn();
  assert.equal(asked.length, 3);
  for (const to of asked) cluster.bus.publish(to, encode({ t: 'no', reason: 'request.event_id' }));
  for (let nth = 0; nth < 5; nth += 1) await turn();
  assert.deepEqual(heard, ['request.event_id']);
  exchange.end();
});
