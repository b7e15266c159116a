/** Clients without a session that do not read: a child that serves others as well is read on for those, within bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HARD } from '../../src/session/lag.ts';
import { PATIENCE } from '../../src/session/patience.ts';
import { STALL } from '../../src/session/readers.ts';
import { server, settle } from '../pool/pool-world.ts';
import type { Message, ScriptedChild } from '../era/scripted-child.ts';
import { statelessWorld, type AskOptions, type StatelessWorld } from './stateless-world.ts';

/** Messages that are sent to a client that takes none. */
const SENT = 64;
const LOUD = { 'io.modelcontextprotocol/logLevel': 'info' };
const ID = 'io.modelcontextprotocol/subscriptionId';

interface Called {
  readonly stream: string;
  readonly child: ScriptedChild;
  readonly id: number;
}

/** A call that has reached its child, the latest one. */
async function called(world: StatelessWorld, id: number, options: AskOptions = {}): Promise<Called> {
  const stream = world.ask(id, { meta: { progressToken: 'p' }, ...options });
  await world.nursery.nth(1);
  await settle();
  const child = world.nursery.children.at(-1)!;
  const call = child.take().findLast(({ method }) => method === 'tools/call');
  return { stream, child, id: call!.id as number };
}

function progress({ child, id }: Called, from: number, to: number, message = 'x'): void {
  for (let at = from; at <= to; at++) child.say({ method: 'notifications/progress', params: { progressToken: id, progress: at, message } });
}

const answer = ({ child, id }: Called): void => child.say({ id, result: { resultType: 'complete' } });

/** Its client takes what comes, until nothing does. */
function read(world: StatelessWorld, stream: string): readonly (Message | undefined)[] {
  for (let seen = -1; seen !== world.told(stream).length;) {
    seen = world.told(stream).length;
    world.credit(stream, seen);
  }
  return world.told(stream).map(({ message }) => message);
}

/** A call whose client has read nothing of it, and is behind. */
async function unread(world: StatelessWorld, id = 1): Promise<Called> {
  const slow = await called(world, id);
  progress(slow, 1, SENT + 1);
  assert.ok(slow.child.paused);
  return slow;
}

test('whoever shares the child of a client that does not read is held up for a moment, once', async () => {
  const world = statelessWorld(server(), 'modern');
  const slow = await unread(world);
  const { child } = slow;
  const other = await called(world, 2);
  world.time.advance(PATIENCE - 20);
  assert.ok(child.paused, 'a reader that reads needs less');
  world.time.advance(40);
  assert.ok(!child.paused);
  answer(other);
  assert.ok(world.answer(other.stream));
  assert.ok(child.paused, 'nobody else waits');
  for (const id of [3, 4]) {
    const next = await called(world, id);
    assert.ok(!child.paused, 'it had its time');
    answer(next);
  }
  assert.equal(world.told(slow.stream).length, SENT);
});

test('so is whoever waits while the first one begins to lag, and another that lags has its own time', async () => {
  const world = statelessWorld(server(), 'modern');
  const waits = await called(world, 1);
  const slow = await unread(world, 2);
  world.time.advance(PATIENCE + 20);
  assert.ok(!slow.child.paused);
  const other = await called(world, 3);
  progress(other, 1, SENT + 1);
  assert.ok(slow.child.paused);
  world.time.advance(PATIENCE + 20);
  assert.ok(!slow.child.paused);
  answer(waits);
  assert.ok(slow.child.paused, 'all that are left lag');
});

test('a client that was overtaken misses progress between, and neither the latest nor its answer; what it missed is counted', async () => {
  const world = statelessWorld(server(), 'modern');
  const slow = await unread(world);
  const other = await called(world, 2);
  world.time.advance(PATIENCE + 20);
  progress(slow, SENT + 2, 5_000);
  answer(slow);
  answer(other);
  assert.ok(!slow.child.paused, 'what is over holds up nothing');
  const messages = read(world, slow.stream);
  assert.equal(messages.length, 64 + 256 + 1);
  assert.equal(messages.at(-2)?.params?.['progress'], 5_000);
  assert.equal(messages.at(-1)?.id, 1);
  assert.deepEqual(world.warned, [{ missed: 5_000 - 64 - 256 }]);
});

test('a client that has caught up is waited for anew', async () => {
  const world = statelessWorld(server(), 'modern');
  const slow = await unread(world);
  await called(world, 2);
  world.time.advance(PATIENCE + 20);
  read(world, slow.stream);
  assert.ok(!slow.child.paused);
  progress(slow, 1, SENT + 1);
  assert.ok(slow.child.paused);
  world.time.advance(PATIENCE - 20);
  assert.ok(slow.child.paused);
});

test('a client for which more than the bound waits is let go, and its call is cancelled alone', async () => {
  const world = statelessWorld(server(), 'modern');
  const slow = await unread(world);
  const other = await called(world, 2);
  progress(slow, 1, 1, 'x'.repeat(2 * HARD));
  assert.ok(!world.told(slow.stream).some(({ head }) => head.t === 'end'), 'it is waited for');
  world.time.advance(PATIENCE + 20);
  progress(slow, 2, 2);
  assert.deepEqual(world.told(slow.stream).at(-1)!.head, { t: 'end', why: 'stalled' });
  assert.deepEqual(slow.child.take(), [
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: slow.id, reason: 'the client left' } },
  ]);
  assert.ok(!slow.child.paused);
  answer(other);
  assert.ok(world.answer(other.stream));
});

test('a client that has the child for itself is waited for until it stalls', async () => {
  for (const [era, meta] of [
    ['modern', { progressToken: 'p' }],
    ['modern', { progressToken: 'p', ...LOUD }],
    ['legacy', { progressToken: 'p' }],
  ] as const) {
    const world = statelessWorld(server({}, { requestTimeout: 2 * STALL }), era);
    const slow = await called(world, 1, { meta });
    progress(slow, 1, SENT + 1);
    world.time.advance(PATIENCE + 20);
    assert.ok(slow.child.paused);
    world.time.advance(STALL - 1_000);
    assert.ok(slow.child.paused);
    assert.equal(world.told(slow.stream).length, SENT);
    world.time.advance(1_000);
    assert.deepEqual(world.told(slow.stream).at(-1)!.head, { t: 'end', why: 'stalled' });
  }
});

test('whoever is given a child after a client that has not read its answer yet is not held up', async () => {
  const world = statelessWorld(server({ max: 1 }), 'legacy');
  const slow = await called(world, 1);
  progress(slow, 1, SENT + 1);
  answer(slow);
  const next = await called(world, 2);
  assert.equal(next.child, slow.child);
  assert.ok(!next.child.paused);
  const messages = read(world, slow.stream);
  assert.equal(messages.length, SENT + 2);
});

/** A subscription, to which the server agrees. */
async function listen(world: StatelessWorld, id: number, notifications: object): Promise<readonly [string, ScriptedChild]> {
  const stream = world.ask(id, { method: 'subscriptions/listen', params: { notifications } });
  const child = await world.nursery.nth(1);
  await settle();
  for (let asked = child.take(); asked.length > 0; asked = child.take()) {
    for (const { id: at, method, params } of asked) {
      const agreed = { notifications: params?.['notifications'], _meta: { [ID]: at } };
      if (method === 'subscriptions/listen') child.say({ method: 'notifications/subscriptions/acknowledged', params: agreed });
    }
    await settle();
  }
  assert.deepEqual(
    world.told(stream).map(({ message }) => message?.method),
    ['notifications/subscriptions/acknowledged'],
  );
  return [stream, child];
}

for (const era of ['legacy', 'modern'] as const) {
  test(`${era}: a subscription that is not read holds up the others for a moment, and what it may not miss is kept, within the bound`, async () => {
    const world = statelessWorld(server(), era, { resources: { subscribe: true } });
    const long = `a:${'x'.repeat(100_000)}`;
    const update = (uri: string): void => world.nursery.children[0]!.say({ method: 'notifications/resources/updated', params: { uri } });
    const [slow, child] = await listen(world, 1, { resourceSubscriptions: [long] });
    for (let at = 0; at < 20; at++) update(long);
    assert.ok(child.paused);
    world.time.advance(PATIENCE + 20);
    assert.ok(child.paused, 'nobody else listens');
    const [other] = await listen(world, 2, { resourceSubscriptions: ['b'] });
    assert.ok(!child.paused);
    for (let at = 0; at < 20; at++) update(long);
    update('b');
    assert.equal(world.told(other).length, 2);
    assert.ok(world.told(slow).length < 20);
    assert.equal(read(world, slow).length, 1 + 40);
    for (let at = 0; at < 100; at++) update(long);
    assert.ok(child.paused);
    world.time.advance(PATIENCE + 20);
    update(long);
    assert.deepEqual(world.told(slow).at(-1)!.head, { t: 'end', why: 'stalled' });
    assert.ok(!child.paused);
    update('b');
    assert.equal(world.told(other).length, 3);
  });
}

test('calls are not held up by a subscription that is not read, nor a subscription by a call', async () => {
  const world = statelessWorld(server(), 'modern', { tools: { listChanged: true } });
  const [listens, child] = await listen(world, 1, { toolsListChanged: true });
  for (let at = 0; at < SENT; at++) {
    world.door.changed({ t: 'changed', server: 'git', list: 'tools' });
    world.time.advance(200);
  }
  assert.ok(child.paused);
  world.time.advance(PATIENCE);
  const call = await called(world, 2);
  assert.ok(!child.paused);
  read(world, listens);
  progress(call, 1, SENT + 1);
  assert.ok(child.paused);
  world.time.advance(PATIENCE + 20);
  assert.ok(!child.paused);
});
