/** Requests to a server that was believed to be of the other era: what a child says of itself moves all who wait for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENCE } from '../../src/era/probe.ts';
import { server, settle } from '../pool/pool-world.ts';
import type { ScriptedChild } from '../era/scripted-child.ts';
import { statelessWorld, type StatelessWorld } from './stateless-world.ts';

const DISCOVERED = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: {} };
const GREETED = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 's', version: '1' } };
const UNSUPPORTED = { code: -32022, message: 'no', data: { supported: ['2026-07-28'] } };
const UNKNOWN = { code: -32601, message: 'no' };

const methods = (child: ScriptedChild): readonly unknown[] => child.take().map(({ method }) => method);

/** The child says to what it is asked, tools and calls, that all is well. */
async function serve(child: ScriptedChild): Promise<void> {
  for (let asked = child.take(); asked.length > 0; await settle(), asked = child.take()) {
    for (const { id, method } of asked) if (id !== undefined) child.say({ id, result: method === 'tools/list' ? { tools: [] } : {} });
  }
}

const served = (world: StatelessWorld, streams: readonly string[]): readonly unknown[] =>
  streams.map((stream) => world.answer(stream).result !== undefined);

test('one that was too slow for the probe proves its era by how it refuses the handshake, and is not probed again', async () => {
  const world = statelessWorld(server({ max: 1 }, { era: 'auto' }), 'auto');
  const streams = [1, 2, 3].map((id) => world.ask(id));
  assert.deepEqual(methods(await world.nursery.nth(1)), ['server/discover']);
  world.time.advance(SILENCE);
  const refusing = await world.nursery.nth(2);
  assert.deepEqual(methods(refusing), ['initialize']);
  refusing.say({ id: 1, error: UNSUPPORTED });
  const serving = await world.nursery.nth(3);
  serving.take();
  serving.say({ id: 1, result: DISCOVERED });
  await settle();
  await serve(serving);
  assert.deepEqual(served(world, streams), [true, true, true]);
  assert.equal(refusing.stops, 1);
  assert.equal(world.nursery.children.length, 3);
});

test('one that refuses what it was probed with is shaken hands with, for all who wait', async () => {
  const world = statelessWorld(server({ max: 2 }, { era: 'auto' }), 'auto');
  const streams = [1, 2].map((id) => world.ask(id));
  (await world.nursery.nth(1)).say({ id: 1, result: DISCOVERED });
  (await world.nursery.nth(2)).say({ id: 1, error: UNKNOWN });
  for (const nth of [3, 4]) {
    const child = await world.nursery.nth(nth);
    assert.deepEqual(methods(child), ['initialize']);
    child.say({ id: 1, result: GREETED });
  }
  await settle();
  for (const child of world.nursery.children.slice(2)) await serve(child);
  assert.deepEqual(served(world, streams), [true, true]);
  assert.equal(world.nursery.children.length, 4);
});

test('one that refuses both is told of as it is, after one probe for all', async () => {
  const world = statelessWorld(server({ max: 1 }, { era: 'auto' }), 'auto');
  const streams = [1, 2].map((id) => world.ask(id));
  (await world.nursery.nth(1)).say({ id: 1, error: UNKNOWN });
  (await world.nursery.nth(2)).say({ id: 1, error: UNKNOWN });
  (await world.nursery.nth(3)).say({ id: 1, error: UNKNOWN });
  await settle();
  for (const stream of streams)
    assert.deepEqual(
      world.told(stream).map(({ head }) => head.t === 'no' && head.reason),
      ['server.start_failed'],
    );
  assert.equal(world.nursery.children.length, 3);
});

test('one that does not know what clients can declare by now is greeted as before there was that', async () => {
  const world = statelessWorld(server({ max: 1 }, { era: 'auto' }), 'auto');
  const stream = world.ask(1);
  (await world.nursery.nth(1)).say({ id: 1, error: UNKNOWN });
  const child = await world.nursery.nth(2);
  const [first] = child.take();
  assert.deepEqual(first?.params?.['capabilities'], { elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: {} });
  child.say({ id: 1, error: { code: -32603, message: 'Unrecognized field "tools"' } });
  await settle();
  const [second] = child.take();
  assert.deepEqual(second?.params?.['capabilities'], { elicitation: {}, sampling: {}, roots: {} });
  child.say({ id: 2, result: GREETED });
  await settle();
  await serve(child);
  assert.deepEqual(served(world, [stream]), [true]);
  assert.equal(world.nursery.children.length, 2);
});

test('whatever a server says of itself in its greeting, it is served and listened to as far as it can be', async () => {
  for (const [era, greeting] of [
    ['modern', 'null'],
    ['modern', '{"resultType":"complete","capabilities":{"tools":{"listChanged":true}},"instructions":"a\tb"}'],
    ['legacy', 'null'],
    ['legacy', '{"protocolVersion":"2025-11-25","capabilities":null}'],
    ['legacy', '{"protocolVersion":"2025-11-25","capabilities":{},"instructions":"a\tb"}'],
  ] as const) {
    const world = statelessWorld(server({}, { era }), 'auto');
    const listening = world.ask(1, { method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } });
    const child = await world.nursery.nth(1);
    child.take();
    child.say(`{"jsonrpc":"2.0","id":1,"result":${greeting}}`);
    await settle();
    world.time.advance(1_000);
    await settle();
    const [acknowledged] = world.told(listening).filter(({ message }) => message?.method !== undefined);
    assert.equal(acknowledged?.message?.method, 'notifications/subscriptions/acknowledged', `${era} ${greeting}`);
  }
});
