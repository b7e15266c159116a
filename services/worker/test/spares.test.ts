/** Children that wait for whoever needs one: how many there are, who gets them, and what becomes of those that end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError, type SessionToken } from '@causeway/protocol';
import { fakeTime, silentLog } from '@causeway/runtime';
import type { ChildListeners } from '../src/child/child.ts';
import { Definitions } from '../src/definitions.ts';
import { Spares } from '../src/spares.ts';
import { EXIT, limits, Nursery, server } from './era/scripted-child.ts';

const SESSION = { token: 'a-session' as SessionToken, epoch: 1 };
const { signal } = new AbortController();

/** What a taker hears. */
function taker() {
  const heard: string[] = [];
  const listeners: ChildListeners = {
    right: { mayTouch: () => heard.push('touched') > 0, stops: () => 0, late: () => undefined },
    line: (bytes) => void heard.push(bytes.toString()),
    broken: (why) => void heard.push(why),
    exit: () => void heard.push('exit'),
  };
  return { heard, listeners };
}

function setting(warm: number) {
  const time = fakeTime();
  const nursery = new Nursery();
  const marks = new Set<string>();
  const named: string[] = [];
  const git = server({ warm });
  const servers = new Definitions({ servers: { git }, limits });
  const spares = new Spares({
    start: async ({ token }, _, listeners) => {
      named.push(token);
      return nursery.start(listeners);
    },
    ...{ servers, marks, wheel: time.wheel, now: () => time.clock.monotonic(), random: () => 0, log: silentLog() },
  });
  const take = (listeners: ChildListeners) => spares.start(SESSION, git, listeners, signal);
  /** The child of that number, once it waits. */
  const nth = async (number: number) => {
    while (nursery.children.length < number) {
      time.advance(250);
      await settled();
    }
    return nursery.nth(number);
  };
  return { time, nursery, marks, named, git, servers, spares, take, nth };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many wait, unread and unspoken to; one that is taken is replaced, and hears its taker only', async () => {
  const { nth, nursery, marks, named, spares, take, time } = setting(2);
  assert.equal(nursery.children.length, 0, 'none before there are to be any');
  spares.fill();
  const first = await nth(1);
  await nth(2);
  time.advance(1_000);
  await settled();
  assert.equal(nursery.children.length, 2);
  assert.deepEqual(
    nursery.children.map(({ paused, written }) => [paused, written]),
    [
      [true, []],
      [true, []],
    ],
  );
  assert.deepEqual([...marks], named);
  const { heard, listeners } = taker();
  assert.equal(await take(listeners), first, 'the oldest');
  assert.equal(first.paused, false);
  await nth(3);
  first.listeners.right?.mayTouch();
  first.say('hello');
  first.listeners.broken('noise');
  first.exit();
  assert.deepEqual(heard, ['touched', 'hello', 'noise', 'exit']);
  assert.deepEqual([...marks], named.slice(1), 'a mark names its child as long as that lives');
  time.advance(1_000);
  await settled();
  assert.equal(nursery.children.length, 3, 'the end of one that was taken is its taker’s');
  await spares.close();
});

test('where none waits a child is started under the name of whoever needs it', async () => {
  const { nursery, named, spares, take } = setting(1);
  const { heard, listeners } = taker();
  await take(listeners);
  assert.deepEqual(named, ['a-session']);
  nursery.children[0]!.say('hello');
  assert.deepEqual(heard, ['hello']);
  await assert.rejects(spares.start(SESSION, server(), listeners, AbortSignal.abort(new Error('gone'))), /gone/);
  await spares.close();
});

test('those of a definition that is no longer in force are ended, and nobody is given one of another definition than his', async () => {
  const { nth, nursery, named, servers, spares, git, take } = setting(1);
  spares.fill();
  const first = await nth(1);
  const { args: _, ...rest } = git;
  servers.replace({ servers: { git: { ...rest, args: ['--other'] } }, limits });
  spares.fill();
  await nth(2);
  await settled();
  assert.deepEqual(
    nursery.children.map(({ stops }) => stops),
    [1, 0],
  );
  assert.equal(first.stops, 1);
  await take(taker().listeners);
  assert.deepEqual([nursery.children.length, named.at(-1)], [3, 'a-session'], 'asked for by the old definition: started now');
  await spares.start(SESSION, servers.get('git')!, taker().listeners, signal);
  assert.equal(nursery.children.length, 3, 'by the new one: there was one');
  await spares.close();
  spares.fill();
  await settled();
  assert.equal(nursery.children.length, 3, 'after the end none comes');
});

test('one that ends, or breaks, is replaced', async () => {
  const { nth, marks, spares } = setting(1);
  spares.fill();
  const first = await nth(1);
  first.exit();
  const second = await nth(2);
  second.listeners.broken('stdin_closed');
  await nth(3);
  assert.equal(second.stops, 1);
  assert.equal(marks.size, 1);
  await spares.close();
});

test('a server that ends at once is started a few times, then after pauses that double', async () => {
  const { nursery, spares, time } = setting(3);
  const run = async (ms: number): Promise<number> => {
    for (let at = 0; at <= ms; at += 500) {
      for (let turn = 0; turn < 20; turn += 1) {
        for (const child of nursery.children) if (child.stops === 0) void child.stop();
        await settled();
      }
      if (at < ms) time.advance(500);
    }
    return nursery.children.length;
  };
  spares.fill();
  const second = await run(2_000);
  assert.ok(second >= 4 && second <= 6, `${second} starts in two seconds`);
  const minute = await run(60_000);
  assert.ok(minute - second >= 4 && minute - second <= 7, `${minute - second} starts in a minute`);
  await spares.close();
  time.advance(600_000);
  await settled();
  assert.equal(nursery.children.length, minute);
});

test('a server that cannot be started is tried no more often, and one that has got well has all its spares again', async () => {
  const { nth, nursery, spares, time } = setting(2);
  nursery.refusal = new CausewayError('server.start_failed', { facts: { class: 'not_found' } });
  spares.fill();
  for (let second = 0; second < 60; second += 1) {
    time.advance(1_000);
    await settled();
  }
  nursery.refusal = undefined;
  await nth(1);
  time.advance(1_000);
  await settled();
  assert.equal(nursery.children.length, 1, 'one on trial');
  for (let second = 0; second < 130; second += 1) {
    time.advance(1_000);
    await settled();
  }
  assert.equal(nursery.children.length, 2);
  await spares.close();
});

test('without a turn to start in it is tried later, which says nothing of the server', async () => {
  const { nth, nursery, spares, time } = setting(1);
  nursery.refusal = new CausewayError('limit.worker', { retryAfter: 3 });
  spares.fill();
  for (let second = 0; second < 60; second += 1) {
    time.advance(1_000);
    await settled();
  }
  nursery.refusal = undefined;
  time.advance(3_000);
  await nth(1);
  await spares.close();
});

test('closed, the spares are gone, none comes, and whoever needs a child has one started', async () => {
  const { nth, nursery, marks, spares, take, time } = setting(2);
  spares.fill();
  await nth(2);
  await spares.close();
  assert.deepEqual(
    nursery.children.map(({ stops }) => stops),
    [1, 1],
  );
  assert.equal(marks.size, 0);
  const { listeners } = taker();
  await take(listeners);
  spares.fill();
  await settled();
  assert.equal(nursery.children.length, 3);
  assert.equal(time.wheel.size, 0);
  await spares.close();
});

test('one that is being ended is given to nobody', async () => {
  const { nth, nursery, spares, take } = setting(1);
  spares.fill();
  const first = await nth(1);
  const stop = first.stop.bind(first);
  const { promise: stops, resolve } = Promise.withResolvers<void>();
  first.stop = () => stops.then(stop);
  const closed = spares.close();
  await settled();
  assert.notEqual(await take(taker().listeners), first);
  assert.equal(nursery.children.length, 2);
  resolve();
  await closed;
});

test('closed while one starts, it is gone as well', async () => {
  const { nursery, marks, spares } = setting(1);
  spares.fill();
  await spares.close();
  assert.equal(nursery.children[0]?.stops, 1);
  assert.equal(marks.size, 0);
  assert.deepEqual(await nursery.children[0].stop(), EXIT);
});
