/** Places that idle children of other workers hold: who is asked, in which order, and what is answered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Envelope, subjects, type BusMessage, type Cluster, type Holdings, type RoomHead } from '@causeway/cluster';
import type { Identity, WorkerId } from '@causeway/protocol';
import { fakeTime } from '@causeway/runtime';
import { Room, type Wanted } from '../../src/pool/room.ts';

const SELF = 'self' as WorkerId;
const GIT: Wanted = { server: 'git', identity: 'ann' as Identity };

interface Sent {
  readonly to: string;
  readonly head: RoomHead;
  readonly reply: string | undefined;
}

/** `records`: what else those of the workers say. */
function world(holds: Readonly<Record<string, Holdings>>, idle = 0, records: Readonly<Record<string, object>> = {}) {
  const time = fakeTime();
  const sent: Sent[] = [];
  let left = idle;
  const publish = (to: string, { head }: Envelope<RoomHead>, reply?: string): void => void sent.push({ to, head, reply });
  const names = Object.keys({ ...holds, ...records });
  const workers = new Map(names.map((worker) => [worker, { worker, holds: holds[worker], ...records[worker] }]));
  const cluster = { bus: { publish }, subjects: subjects(), ledger: { workers: () => workers } } as unknown as Cluster;
  const giveUp = (): Promise<void> | undefined => (left-- > 0 ? Promise.resolve() : undefined);
  const room = new Room({ cluster, worker: SELF, wheel: time.wheel, now: () => time.clock.monotonic(), random: () => 0, giveUp });
  /** The next question, answered. */
  const answer = async (given: boolean | 'undelivered'): Promise<string> => {
    await settle();
    const { to, reply } = sent.shift()!;
    const nth = reply!.split('.').at(-1);
    const message = given === 'undelivered' ? { kind: 'undelivered' } : { kind: 'data', envelope: new Envelope({ t: 'room', given }) };
    room.receive(nth, message as BusMessage);
    await settle();
    return to;
  };
  return { time, sent, room, answer };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('those are asked who hold something under the limit, until one has given up a child', async () => {
  const { sent, room, answer } = world({ self: { g: 9 }, a: { g: 1 }, b: { g: 0 }, c: { g: 2 }, d: { g: 1 } });
  const found = room.find(GIT, 'limit.total');
  assert.equal(await answer('undelivered'), 'cw.w.a.room');
  assert.equal(await answer(true), 'cw.w.c.room');
  assert.equal(await found, true);
  assert.deepEqual(sent, [], 'nobody else is asked');
});

test('by the limit that is in the way: of the server, of the identity; one of this worker alone concerns nobody else', async () => {
  const { sent, room, answer } = world({ a: { g: 1, 's:git': 1 }, b: { g: 1, 'i:ann': 1 } });
  const server = room.find(GIT, 'limit.server');
  assert.equal(await answer(true), 'cw.w.a.room');
  const identity = room.find(GIT, 'limit.identity');
  await settle();
  assert.deepEqual(sent[0]?.head, { t: 'room', place: GIT, limit: 'limit.identity' });
  assert.equal(await answer(true), 'cw.w.b.room');
  assert.deepEqual(await Promise.all([server, identity, room.find(GIT, 'limit.worker'), room.find({ server: 'git' }, 'limit.identity')]), [
    true,
    true,
    false,
    false,
  ]);
  assert.deepEqual(sent, []);
});

test('where nobody has one it is not asked again for a second, however many look', async () => {
  const { time, sent, room, answer } = world({ a: { g: 1 } });
  const all = Promise.all([room.find(GIT, 'limit.total'), room.find(GIT, 'limit.total'), room.find(GIT, 'limit.total')]);
  await answer(false);
  assert.deepEqual(await all, [false, false, false]);
  assert.equal(await room.find(GIT, 'limit.total'), false);
  assert.deepEqual(sent, []);
  time.advance(1_000);
  const again = room.find(GIT, 'limit.total');
  await answer(true);
  assert.equal(await again, true);
});

test('several that look each have one given up', async () => {
  const { room, answer } = world({ a: { g: 2 } });
  const all = Promise.all([room.find(GIT, 'limit.total'), room.find(GIT, 'limit.total')]);
  await answer(true);
  await answer(true);
  assert.deepEqual(await all, [true, true]);
});

test('a worker that says nothing is passed over, and what it says too late is nobody’s', async () => {
  const { time, sent, room } = world({ a: { g: 1 } });
  const found = room.find(GIT, 'limit.total');
  await settle();
  time.advance(1_000);
  assert.equal(await found, false);
  room.receive('1', { kind: 'data', envelope: new Envelope({ t: 'room', given: true }) } as unknown as BusMessage);
  assert.equal(sent.length, 1);
});

test('one that says nothing does not cost the others their turn', async () => {
  const { time, room, answer, sent } = world({ a: { g: 1 }, b: { g: 1 } });
  const found = room.find(GIT, 'limit.total');
  await settle();
  assert.equal(sent.shift()!.to, 'cw.w.a.room');
  time.advance(250);
  assert.equal(await answer(true), 'cw.w.b.room');
  assert.equal(await found, true);
});

test('a search ends in time, however many say nothing', async () => {
  const { time, sent, room } = world(Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((worker) => [worker, { g: 1 }])));
  const found = room.find(GIT, 'limit.total');
  for (let ms = 0; ms < 1_000; ms += 50) {
    await settle();
    time.advance(50);
  }
  assert.equal(await found, false);
  assert.equal(sent.length, 4, 'no time is left for the others');
});

test('who is asked answers whether it has given one up; what is no question has no answer', async () => {
  const { sent, room } = world({}, 1);
  const ask = (head: object, more: object = { reply: 'cw.w.a.room.7' }): void =>
    room.receive(undefined, { kind: 'data', envelope: new Envelope(head as RoomHead), ...more } as unknown as BusMessage);
  for (let nth = 0; nth < 2; nth++) ask({ t: 'room', place: GIT, limit: 'limit.total' });
  ask({ t: 'room', place: GIT });
  ask({ t: 'alive' });
  ask({ t: 'room', place: GIT, limit: 'limit.total' }, {});
  room.receive(undefined, { kind: 'undelivered' } as BusMessage);
  await settle();
  assert.deepEqual(sent, [
    { to: 'cw.w.a.room.7', head: { t: 'room', given: true }, reply: undefined },
    { to: 'cw.w.a.room.7', head: { t: 'room', given: false }, reply: undefined },
  ]);
});

test('room is at another worker that serves the server, stays, and is not full', () => {
  const record = { servers: { git: {} }, draining: false, sessions: 1, capacity: 2 };
  for (const [other, yes] of [
    [{}, true],
    [{ sessions: 2 }, false],
    [{ draining: true }, false],
    [{ servers: { time: {} } }, false],
  ] as const) {
    const records = { self: record, other: { ...record, ...other } };
    const { room } = world({}, 0, records);
    assert.equal(room.isElsewhere('git'), yes, JSON.stringify(other));
  }
});

test('a search that fails does so for its claim alone: others look meanwhile, and later', async () => {
  let torn = true;
  const holds: Holdings = {
    get g() {
      if (!torn) return 1;
      torn = false;
      throw new TypeError('torn');
    },
  };
  const { room, answer } = world({ a: holds });
  const [first, second] = [room.find(GIT, 'limit.total'), room.find(GIT, 'limit.total')];
  await assert.rejects(first, TypeError);
  await answer(true);
  assert.equal(await second, true);
  const later = room.find(GIT, 'limit.total');
  await answer(true);
  assert.equal(await later, true);
});
