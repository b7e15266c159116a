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

test('what a server says of a change comes as it wrote it, with the client’s id in the place of its own', async () => {
  for (const [written, told] of [
    ['{"big":12345678901234567890,"uri":"a:b"}', (id: string) => `{"_meta":{"${ID}":${id}},"big":12345678901234567890,"uri":"a:b"}`],
    [`{"uri":"a\\u003ab","_meta":{"x":1.0,"${ID}":77}}`, (id: string) => `{"uri":"a\\u003ab","_meta":{"${ID}":${id},"x":1.0}}`],
    [`{"uri":"a:b","_meta":{"${ID}":77}}`, (id: string) => `{"uri":"a:b","_meta":{"${ID}":${id}}}`],
    ['{"_meta":null,"uri":"a:b"}', (id: string) => `{"_meta":{"${ID}":${id}},"uri":"a:b"}`],
  ] as const) {
    const world = statelessWorld(server(), 'legacy', { resources: { subscribe: true } });
    const [one, child] = await listen(world, 'é', { resourceSubscriptions: ['a:b'] });
    for (const bad of ['{"uri":"a\tb"}', '{"uri":7}', '[]'])
      child.say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":${bad}}`);
    child.say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":${written}}`);
    assert.deepEqual(
      world
        .told(one)
        .slice(1)
        .map(({ text }) => text),
      [`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":${told('"é"')}}`],
    );
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

test('with sharing per request the child that listens serves all subscriptions and no call, and leaves one to calls', async () => {
  const of = (max: number) => statelessWorld(server({ max }, { sharing: 'per-request' }), 'modern', CAPABILITIES);
  const world = of(2);
  const [first, child] = await listen(world, 1, { toolsListChanged: true });
  const [second] = await listen(world, 2, { toolsListChanged: true });
  world.time.advance(1_000);
  await settle();
  world.ask(3);
  const serving = await world.nursery.nth(2);
  await settle();
  assert.equal(serving.take().at(-1)!.method, 'tools/call');
  assert.ok(child.take().every(({ method }) => method === 'subscriptions/listen'));
  world.leave(first);
  assert.equal(child.stops, 0);
  world.leave(second);
  await settle();
  assert.equal(child.stops, 1);
  const full = of(1);
  const [refused] = await listen(full, 1, { toolsListChanged: true });
  assert.equal(full.answer(refused).error?.data?.['reason'], 'limit.listens');
});

test('with sharing per request only the child that listens tells of changed lists, here and to other workers', async () => {
  for (const era of ['legacy', 'modern'] as const) {
    const world = statelessWorld(server({}, { sharing: 'per-request' }), era, CAPABILITIES);
    const [stream, child] = await listen(world, 1, { toolsListChanged: true });
    const told = (): number => world.told(stream).filter(({ message }) => message?.method === 'notifications/tools/list_changed').length;
    world.time.advance(1_000);
    await settle();
    world.ask(2);
    const serving = await world.nursery.nth(2);
    serving.say({ method: 'notifications/tools/list_changed' });
    assert.equal(told(), 0);
    child.say({ method: 'notifications/tools/list_changed' });
    assert.equal(told(), 1);
    world.door.changed({ t: 'changed', server: 'git', list: 'tools', quiet: true });
    world.time.advance(1_000);
    assert.equal(told(), 1);
  }
});

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

test('a server is asked for many resources a few at a time, in their order, and for all of them', async () => {
  const world = statelessWorld(server(), 'legacy', CAPABILITIES);
  const uris = Array.from({ length: 1_000 }, (_, nth) => `a:${nth}`);
  const [stream, child] = await listen(world, 1, { resourceSubscriptions: uris });
  world.leave(stream);
  const asked: unknown[] = [];
  for (let some = child.take(); some.length > 0; some = child.take()) {
    assert.ok(some.length <= 128, `${some.length} at once`);
    for (const { id, method, params } of some) {
      asked.push([method, params?.['uri']]);
      child.say({ id: id!, result: {} });
    }
    await settle();
  }
  const both = ['resources/subscribe', 'resources/unsubscribe'].flatMap((method) => uris.map((uri) => [method, uri]));
  assert.deepEqual(asked, both);
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

interface Opened {
  readonly id: number;
  readonly notifications: Readonly<Record<string, unknown>>;
}

/** Subscriptions that the bridge has opened at the child since this was asked last. */
const openedAt = (child: ScriptedChild): readonly Opened[] =>
  child
    .take()
    .filter(({ method }) => method === 'subscriptions/listen')
    .map(({ id, params }) => ({ id: id as number, notifications: params!['notifications'] as Opened['notifications'] }));

/** The server agrees to it, or to something else. */
async function agree(child: ScriptedChild, { id, notifications }: Opened, to: object = notifications): Promise<void> {
  child.say({ method: 'notifications/subscriptions/acknowledged', params: { notifications: to, _meta: { [ID]: id } } });
  await settle();
}

const update = (child: ScriptedChild, id: number, uri = 'a'): void =>
  child.say({ method: 'notifications/resources/updated', params: { uri, _meta: { [ID]: id } } });

test('a server of the same era is listened to by one subscription of the bridge’s own, and agrees before the bridge does', async () => {
  const world = statelessWorld(server(), 'modern', CAPABILITIES);
  const [stream, child] = await listen(world, 1, { toolsListChanged: true, resourceSubscriptions: ['a', 'b'] });
  const [first] = openedAt(child);
  assert.deepEqual(first!.notifications, { toolsListChanged: true });
  await agree(child, first!);
  assert.deepEqual(world.told(stream), []);
  const [second] = openedAt(child);
  assert.deepEqual(second!.notifications, { toolsListChanged: true, resourceSubscriptions: ['a', 'b'] });
  await agree(child, second!, { toolsListChanged: true, resourceSubscriptions: ['a'] });
  assert.deepEqual(said(world, stream), [
    [
      'notifications/subscriptions/acknowledged',
      { notifications: { toolsListChanged: true, resourceSubscriptions: ['a'] }, _meta: { [ID]: 1 } },
    ],
  ]);
  update(child, first!.id);
  assert.equal(world.told(stream).length, 1, 'it was replaced');
  update(child, second!.id);
  update(child, second!.id, 'b');
  assert.deepEqual(said(world, stream).slice(1), [['notifications/resources/updated', { uri: 'a', _meta: { [ID]: 1 } }]]);
});

test('what a server of the same era refuses is not acknowledged; others go on', async () => {
  const world = statelessWorld(server(), 'modern', { resources: { subscribe: true } });
  const [one, child] = await listen(world, 1, { resourceSubscriptions: ['a'] });
  await agree(child, openedAt(child)[0]!);
  const [other] = await listen(world, 2, { resourceSubscriptions: ['x'] });
  const [refused] = openedAt(child);
  assert.deepEqual(refused!.notifications, { resourceSubscriptions: ['a', 'x'] });
  child.say({ id: refused!.id, error: { code: -32602, message: 'no such resource' } });
  await settle();
  assert.deepEqual(said(world, other)[0], ['notifications/subscriptions/acknowledged', { notifications: {}, _meta: { [ID]: 2 } }]);
  assert.ok(world.answer(other).result);
  assert.equal(world.told(one).length, 1);
});

test('what it refuses late ends the subscription, properly', async () => {
  const world = statelessWorld(server(), 'modern', { resources: { subscribe: true } });
  const [stream, child] = await listen(world, 1, { resourceSubscriptions: ['a'] });
  assert.deepEqual(world.told(stream), []);
  world.time.advance(1_000);
  await settle();
  assert.equal(world.told(stream).filter(({ message }) => message).length, 1);
  child.say({ id: openedAt(child)[0]!.id, error: { code: -32602, message: 'no such resource' } });
  assert.deepEqual(world.answer(stream).result, { resultType: 'complete', _meta: { [ID]: 1 } });
});

for (const how of ['result', 'notification'] as const) {
  test(`a subscription that the server ends by a ${how} is opened again, later each time`, async () => {
    const world = statelessWorld(server(), 'modern', { resources: { subscribe: true } });
    const [stream, child] = await listen(world, 1, { resourceSubscriptions: ['a', 'b'] });
    let [last] = openedAt(child);
    await agree(child, last!);
    for (const pause of [250, 500, 1_000]) {
      if (how === 'result') child.say({ id: last!.id, result: { resultType: 'complete' } });
      else child.say({ method: 'notifications/cancelled', params: { requestId: last!.id } });
      world.time.advance(pause - 1);
      assert.deepEqual(openedAt(child), []);
      world.time.advance(1);
      [last] = openedAt(child);
      assert.deepEqual(last!.notifications, { resourceSubscriptions: ['a', 'b'] });
      await agree(child, last!);
      update(child, last!.id);
    }
    assert.equal(world.told(stream).length, 4);
    child.say({ id: last!.id, result: {} });
    world.time.advance(2_000);
    await agree(child, openedAt(child)[0]!, { resourceSubscriptions: ['b'] });
    assert.ok(world.answer(stream).result, 'it does not tell of all that was acknowledged');
  });
}

test('a server that keeps ending its subscription is given up, and its clients come back', async () => {
  const world = statelessWorld(server(), 'modern', CAPABILITIES);
  const [stream, child] = await listen(world, 1, { toolsListChanged: true });
  for (let times = 0; times <= 8; times++) {
    const [last] = openedAt(child);
    await agree(child, last!);
    child.say({ id: last!.id, result: {} });
    world.time.advance(Math.min(250 * 2 ** times, 30_000));
    await settle();
  }
  assert.deepEqual(openedAt(child), []);
  const last = world.told(stream).at(-1)!;
  assert.deepEqual([last.head.t, last.message], ['end', undefined]);
  const [again] = await listen(world, 2, { toolsListChanged: true });
  await agree(child, openedAt(child)[0]!);
  assert.equal(world.told(again).length, 1);
  child.say({ method: 'notifications/tools/list_changed', params: {} });
  assert.equal(world.told(again).length, 2);
  assert.equal(world.nursery.children.length, 1);
});

test('while a server is not listened to its tools may have changed: they are read again', async () => {
  const tools: object[] = [{ name: 'ask', inputSchema: { type: 'object' } }];
  const schema = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } };
  const world = statelessWorld(server(), 'modern', CAPABILITIES, tools);
  const call = async (): Promise<boolean> => {
    const stream = world.ask(1, { params: { name: 'ask', arguments: { region: 'eu' } } });
    const child = await world.nursery.nth(1);
    await settle();
    const sent = child.take().find(({ method }) => method === 'tools/call');
    if (sent) child.say({ id: sent.id!, result: {} });
    else assert.equal((world.told(stream)[0]!.head as { reason?: string }).reason, 'request.header_mismatch');
    return sent !== undefined;
  };
  const start = world.ask(0, { method: 'prompts/list', params: {} });
  const child = await world.nursery.nth(1);
  await settle();
  assert.deepEqual(world.told(start), []);
  const [first] = openedAt(child);
  await agree(child, first!);
  assert.equal(await call(), true);
  tools[0] = { name: 'ask', inputSchema: schema };
  assert.equal(await call(), true, 'nobody has said so');
  child.say({ method: 'notifications/cancelled', params: { requestId: first!.id } });
  assert.equal(await call(), false);
  tools[0] = { name: 'ask', inputSchema: { type: 'object' } };
  world.time.advance(250);
  await agree(child, openedAt(child)[0]!);
  assert.equal(await call(), true);
});
