import assert from 'node:assert/strict';
import { test } from 'node:test';
import { server, settle } from '../pool/pool-world.ts';
import { statelessWorld, type AskOptions, type StatelessWorld } from './stateless-world.ts';
import type { Message, ScriptedChild } from '../era/scripted-child.ts';

async function begin(
  world: StatelessWorld,
  id: number | string,
  options: AskOptions = {},
  nth = 1,
): Promise<readonly [string, ScriptedChild, Message]> {
  const stream = world.ask(id, options);
  const child = await world.nursery.nth(nth);
  await settle();
  return [stream, child, child.take().findLast(({ method }) => method === 'tools/call')!];
}

test('calls share a child, each under an id and a token of its own', async () => {
  const world = statelessWorld(server(), 'modern');
  const [one, child, first] = await begin(world, 1, { meta: { progressToken: 1 } });
  const [other, , second] = await begin(world, 1, { meta: { progressToken: 1 } });
  assert.notEqual(first.id, second.id);
  assert.equal(world.nursery.children.length, 1);
  child.say({ method: 'notifications/progress', params: { progressToken: second.id!, progress: 5 } });
  child.say({ id: second.id!, result: { resultType: 'complete', which: 'second' } });
  child.say({ id: first.id!, result: { resultType: 'complete', which: 'first' } });
  assert.equal(world.answer(one).result!['which'], 'first');
  assert.equal(world.answer(other).result!['which'], 'second');
  assert.equal(world.answer(one).id, 1);
  assert.deepEqual(world.told(other)[0]!.message?.params, { progressToken: 1, progress: 5 });
  assert.equal(world.told(one).length, 1);
});

test('a call that wants logs has a child alone, and gets what is logged there', async () => {
  const world = statelessWorld(server(), 'modern');
  const [quiet, child] = await begin(world, 1);
  const [loud, own] = await begin(world, 2, { meta: { 'io.modelcontextprotocol/logLevel': 'info' } }, 2);
  assert.notEqual(child, own);
  own.say({ method: 'notifications/message', params: { level: 'info', data: 'mine' } });
  child.say({ method: 'notifications/message', params: { level: 'info', data: 'nobody’s' } });
  assert.deepEqual(
    world.told(loud).map(({ message }) => message?.params?.['data']),
    ['mine'],
  );
  assert.deepEqual(world.told(quiet), []);
});

test('what a server of this era asks, though it must not, is refused, also where a call wants its logs', async () => {
  for (const meta of [{}, { 'io.modelcontextprotocol/logLevel': 'info' }]) {
    const world = statelessWorld(server(), 'modern');
    const [stream, child] = await begin(world, 1, { meta });
    child.say({ id: 'q', method: 'sampling/createMessage', params: {} });
    child.say({ id: 'p', method: 'ping' });
    assert.deepEqual(child.take(), [
      { jsonrpc: '2.0', id: 'q', error: { code: -32601, message: 'The client does not answer this.' } },
      { jsonrpc: '2.0', id: 'p', result: {} },
    ]);
    assert.deepEqual(world.told(stream), []);
  }
});

test('a state of the server goes to the client sealed and comes back as it was, to the same child', async () => {
  const world = statelessWorld(server(), 'modern');
  const [stream, child, call] = await begin(world, 1);
  const [, logger] = await begin(world, 9, { meta: { 'io.modelcontextprotocol/logLevel': 'info' } }, 2);
  const inner = 'its own ✓ "state"';
  child.say({
    id: call.id!,
    result: { resultType: 'input_required', requestState: inner, inputRequests: { name: { method: 'roots/list', params: {} } } },
  });
  const { requestState, inputRequests } = world.answer(stream).result as unknown as { requestState: string; inputRequests: object };
  assert.deepEqual(Object.keys(inputRequests), ['name']);
  assert.ok(!requestState.includes('state'));
  assert.equal(world.open(requestState)?.inner, inner);
  world.ask(2, { state: requestState, params: { name: 'ask', arguments: {}, inputResponses: { name: { roots: [] } } } });
  await settle();
  const retry = child.take()[0]!;
  assert.equal(retry.params!['requestState'], inner);
  assert.deepEqual(retry.params!['inputResponses'], { name: { roots: [] } });
  assert.deepEqual(logger.take(), []);
});

test('with sharing per request a call has a child alone, which serves nobody after it; a state of the server comes to another', async () => {
  const world = statelessWorld(server({}, { sharing: 'per-request' }), 'modern');
  const [one, child, first] = await begin(world, 1);
  const [other, beside, second] = await begin(world, 2, {}, 2);
  child.say({ id: first.id!, result: { resultType: 'input_required', requestState: 'so far', inputRequests: {} } });
  beside.say({ id: second.id!, result: { resultType: 'complete' } });
  assert.ok(world.answer(other));
  const { requestState } = world.answer(one).result as unknown as { requestState: string };
  const [last, third, round] = await begin(world, 3, { state: requestState }, 3);
  assert.equal(round.params!['requestState'], 'so far');
  third.say({ id: round.id!, result: { resultType: 'complete' } });
  assert.ok(world.answer(last));
  await settle();
  assert.deepEqual(
    world.nursery.children.map(({ stops }) => stops),
    [1, 1, 1],
  );
});

test('a client that leaves cancels its call alone', async () => {
  const world = statelessWorld(server(), 'modern');
  const [one, child, first] = await begin(world, 1);
  const [other, , second] = await begin(world, 2);
  world.leave(one);
  assert.deepEqual(child.take(), [
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: first.id, reason: 'the client left' } },
  ]);
  child.say({ id: first.id!, result: {} });
  child.say({ id: second.id!, result: { resultType: 'complete' } });
  assert.ok(world.answer(other));
  assert.deepEqual(world.told(one), []);
  assert.equal(child.stops, 0);
});

test('a call that the server does not finish in time fails, others at its child finish, and the child serves nobody after', async () => {
  const world = statelessWorld(server({}, { requestTimeout: 1_000 }), 'modern');
  const [late, child] = await begin(world, 1);
  world.time.advance(600);
  const [other, , second] = await begin(world, 2);
  world.time.advance(500);
  assert.equal((world.answer(late).error as { data?: { reason?: string } }).data?.reason, 'server.deadline');
  child.say({ id: second.id!, result: { resultType: 'complete' } });
  assert.ok(world.answer(other));
  await settle();
  assert.equal(child.stops, 1);
});

test('what the server says of the request as a whole has its status', async () => {
  const world = statelessWorld(server(), 'modern');
  for (const [code, status] of [
    [-32601, 404],
    [-32020, 400],
    [-32021, 400],
    [-32022, 400],
    [-32602, undefined],
  ] as const) {
    const [stream, child, call] = await begin(world, 1);
    child.say({ id: call.id!, error: { code, message: 'no' } });
    const { head } = world.told(stream)[0]!;
    assert.equal(head.t === 'server' && head.status, status ?? undefined);
  }
});

test('when the child is lost every call on it is told', async () => {
  const world = statelessWorld(server(), 'modern');
  const [one, child] = await begin(world, 1);
  const [other] = await begin(world, 2);
  child.exit();
  for (const stream of [one, other])
    assert.equal((world.answer(stream).error as { data?: { executed?: string } }).data?.executed, 'unknown');
});

const TASKS = 'io.modelcontextprotocol/tasks';

test('tasks are not carried: what a server says of them is left out, and so is what a client says', async () => {
  const world = statelessWorld(server(), 'modern', { tools: {}, extensions: { [TASKS]: {}, 'x/y': {} } });
  const described = world.ask(0, { method: 'server/discover', params: {} });
  await world.nursery.nth(1);
  await settle();
  assert.deepEqual(world.answer(described).result!['capabilities'], { tools: {}, extensions: { 'x/y': {} } });
  const capabilities = { roots: {}, extensions: { 'x/y': {}, [TASKS]: {} }, sampling: {} };
  const [, , call] = await begin(world, 1, { capabilities, meta: { progressToken: 'p' } });
  const meta = call.params!['_meta'] as Readonly<Record<string, unknown>>;
  assert.deepEqual(meta['io.modelcontextprotocol/clientCapabilities'], { roots: {}, extensions: { 'x/y': {} }, sampling: {} });
  assert.equal(meta['progressToken'], call.id);
});
