import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '@causeway/protocol';
import { server, settle } from '../pool/pool-world.ts';
import { statelessWorld, type StatelessWorld } from './stateless-world.ts';
import type { ScriptedChild } from '../era/scripted-child.ts';

const ID = 'io.modelcontextprotocol/subscriptionId';
const CAPABILITIES = { tools: { listChanged: true }, resources: { subscribe: true } };

async function listen(
  world: StatelessWorld,
  id: number | string,
  notifications: unknown,
  nth = 1,
): Promise<readonly [string, ScriptedChild]> {
  const stream = world.ask(id, { method: 'subscriptions/listen', params: { notifications } });
  const child = await world.nursery.nth(nth);
  await settle();
  return [stream, child];
}

const said = (world: StatelessWorld, stream: string): readonly unknown[] =>
  world.told(stream).map(({ message }) => [message?.method, message?.params]);

test('the acknowledgement comes first and names what will be told; everything bears the id, type included', async () => {
  for (const id of [0, '', '1']) {
    const world = statelessWorld(server(), 'legacy', CAPABILITIES);
    const [stream, child] = await listen(world, id, { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ['a:b'] });
    assert.deepEqual(said(world, stream), [
      [
        'notifications/subscriptions/acknowledged',
        { notifications: { toolsListChanged: true, resourceSubscriptions: ['a:b'] }, _meta: { [ID]: id } },
      ],
    ]);
    assert.deepEqual(
      child.take().map(({ method, params }) => [method, params]),
      [['resources/subscribe', { uri: 'a:b' }]],
    );
    child.say({ method: 'notifications/tools/list_changed' });
    child.say({ method: 'notifications/prompts/list_changed' });
    child.say({ method: 'notifications/resources/updated', params: { uri: 'a:b' } });
    child.say({ method: 'notifications/resources/updated', params: { uri: 'a:c' } });
    assert.deepEqual(said(world, stream).slice(1), [
      ['notifications/tools/list_changed', { _meta: { [ID]: id } }],
      ['notifications/resources/updated', { uri: 'a:b', _meta: { [ID]: id } }],
    ]);
  }
});

test('what cannot be honoured at all ends at once, properly', async () => {
  const world = statelessWorld(server(), 'legacy', {});
  const [stream] = await listen(world, 3, { toolsListChanged: true });
  assert.deepEqual(world.answer(stream).result, { resultType: 'complete', _meta: { [ID]: 3 } });
  assert.equal(world.told(stream).length, 2);
});

for (const era of ['legacy', 'modern'] as const) {
  test(`${era}: a subscription of which nothing is honoured, or whose client has left meanwhile, keeps no child`, async () => {
    const world = statelessWorld(server(), era, { tools: {} });
    const [, child] = await listen(world, 1, { toolsListChanged: true });
    const left = world.ask(2, { method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } });
    world.leave(left);
    await settle();
    world.ask(3, { meta: { 'io.modelcontextprotocol/logLevel': 'info' } });
    await settle();
    assert.equal(child.take().at(-1)?.method, 'tools/call', 'a call that needs a child alone has this one');
    assert.equal(world.nursery.children.length, 1);
  });
}

test('a subscription that asks for nothing needs no child', async () => {
  const world = statelessWorld(server(), 'legacy', CAPABILITIES);
  const stream = world.ask(3, { method: 'subscriptions/listen', params: { notifications: { toolsListChanged: false } } });
  await settle();
  assert.deepEqual(said(world, stream)[0], ['notifications/subscriptions/acknowledged', { notifications: {}, _meta: { [ID]: 3 } }]);
  assert.deepEqual(world.answer(stream).result, { resultType: 'complete', _meta: { [ID]: 3 } });
  assert.equal(world.nursery.children.length, 0);
});

test('one that is honoured keeps its child when another, for the same, is not', async () => {
  const world = statelessWorld(server(), 'legacy', CAPABILITIES);
  const none = world.ask(1, { method: 'subscriptions/listen', params: { notifications: { promptsListChanged: true } } });
  const [stream, child] = await listen(world, 2, { toolsListChanged: true });
  assert.ok(world.answer(none));
  world.ask(3);
  await world.nursery.nth(2);
  child.say({ method: 'notifications/tools/list_changed' });
  assert.equal(world.told(stream).length, 2);
  world.leave(stream);
  await settle();
  assert.equal(child.stops, 0);
});

test('a filter that is none is refused', async () => {
  const world = statelessWorld(server(), 'legacy', CAPABILITIES);
  for (const filter of [undefined, [], { toolsListChanged: 1 }, { resourceSubscriptions: [1] }]) {
    const params = filter === undefined ? {} : { notifications: filter };
    const stream = world.ask(1, { method: 'subscriptions/listen', params });
    await settle();
    assert.equal(world.answer(stream).error?.code, -32602);
  }
});

test('a change that comes many times in a moment is told twice at most', async () => {
  const world = statelessWorld(server(), 'legacy', CAPABILITIES);
  const [stream, child] = await listen(world, 1, { toolsListChanged: true });
  for (let time = 0; time < 10; time++) child.say({ method: 'notifications/tools/list_changed' });
  world.time.advance(500);
  assert.equal(world.told(stream).length, 3);
});

test('another worker’s word is told here', async () => {
  const world = statelessWorld(server(), 'legacy', CAPABILITIES);
  const [stream] = await listen(world, 1, { toolsListChanged: true });
  world.door.changed({ t: 'changed', server: 'git', list: 'tools' });
  world.door.changed({ t: 'changed', server: 'other', list: 'tools' });
  assert.equal(world.told(stream).length, 2);
});

test('a resource is asked of the server as long as somebody wants it', async () => {
  const world = statelessWorld(server(), 'legacy', CAPABILITIES);
  const [one, child] = await listen(world, 1, { resourceSubscriptions: ['a', 'b'] });
  const [other] = await listen(world, 2, { resourceSubscriptions: ['b'] });
  child.take();
  world.leave(one);
  assert.deepEqual(
    child.take().map(({ method, params }) => [method, params]),
    [['resources/unsubscribe', { uri: 'a' }]],
  );
  child.say({ method: 'notifications/resources/updated', params: { uri: 'b' } });
  assert.equal(world.told(other).length, 2);
  world.leave(other);
  await settle();
  assert.deepEqual(
    child.take().map(({ method }) => method),
    ['resources/unsubscribe'],
  );
});

test('when the child that listens is lost, subscriptions end without a result', async () => {
  const world = statelessWorld(server(), 'legacy', CAPABILITIES);
  const [stream, child] = await listen(world, 1, { toolsListChanged: true });
  child.exit();
  const last = world.told(stream).at(-1)!;
  assert.deepEqual([last.head.t, last.message], ['end', undefined]);
  const [again] = await listen(world, 2, { toolsListChanged: true }, 2);
  assert.equal(world.told(again).length, 1);
});

test('when the worker leaves they end properly', async () => {
  const world = statelessWorld(server(), 'legacy', CAPABILITIES);
  const [stream] = await listen(world, 'x', { toolsListChanged: true });
  await world.door.close(new CausewayError('session.ended'));
  assert.deepEqual(world.answer(stream).result, { resultType: 'complete', _meta: { [ID]: 'x' } });
});

test('a server of the same era is listened to by a subscription of the bridge’s own', async () => {
  const world = statelessWorld(server(), 'modern', CAPABILITIES);
  const [stream, child] = await listen(world, 1, { toolsListChanged: true, resourceSubscriptions: ['a'] });
  const opened = child.take().filter(({ method }) => method === 'subscriptions/listen');
  assert.deepEqual(
    opened.map(({ params }) => params!['notifications']),
    [{ toolsListChanged: true }, { resourceSubscriptions: ['a'] }],
  );
  child.say({ method: 'notifications/resources/updated', params: { uri: 'a', _meta: { [ID]: opened[1]!.id! } } });
  assert.deepEqual(said(world, stream).at(-1), ['notifications/resources/updated', { uri: 'a', _meta: { [ID]: 1 } }]);
});
