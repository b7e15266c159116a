import assert from 'node:assert/strict';
import { test } from 'node:test';
import { server, settle } from '../pool/pool-world.ts';
import { ALL, begin, elicit, FORM, parked, reply, required } from '../stateless/asked.ts';
import { statelessWorld } from '../stateless/stateless-world.ts';

const roots = (id: number) => ({ id, method: 'roots/list' });

test('the first roots that a child asks for in its life end no call of a client that has none, and its child serves on', async () => {
  const world = statelessWorld(server());
  const { child, call, stream } = await begin(world, {});
  child.say(roots(0));
  world.time.advance(1_000);
  assert.deepEqual(child.take(), [{ jsonrpc: '2.0', id: 0, result: { roots: [] } }]);
  child.say({ id: call.id!, result: { content: [] } });
  assert.equal(world.answer(stream).result!['resultType'], 'complete');
  await settle();
  assert.equal(child.stops, 0);
  const again = await begin(world, {}, 2);
  again.child.say(roots(1));
  world.time.advance(20);
  world.time.advance(1_000);
  const refusal = world.told(again.stream)[0]!.head;
  assert.deepEqual(refusal.t === 'no' && refusal.required, { roots: {} }, 'what it asks for later is its call’s');
});

test('a client that has roots is asked for them, the first time too: its call may be what wants them', async () => {
  const world = statelessWorld(server());
  const { child, stream } = await begin(world, { capabilities: ALL });
  child.say(roots(0));
  world.time.advance(20);
  assert.deepEqual(child.take(), []);
  assert.deepEqual(
    Object.values(required(world, stream).inputRequests).map(({ method }) => method),
    ['roots/list'],
  );
});

test('a call that is answered while nothing but the first roots was asked for did not ask: its child serves on', async () => {
  for (const waits of [0, 20]) {
    const world = statelessWorld(server());
    const { child, call, stream } = await begin(world, { capabilities: ALL });
    child.say(roots(0));
    world.time.advance(waits);
    child.say({ id: call.id!, result: { content: [] } });
    assert.deepEqual(child.take(), [{ jsonrpc: '2.0', id: 0, result: { roots: [] } }]);
    await settle();
    assert.equal(child.stops, 0);
    assert.equal(world.answer(stream).result!['resultType'], waits === 0 ? 'complete' : 'input_required');
  }
});

test('a client that comes back to such a call gets its answer, and does not touch what its child does since', async () => {
  const world = statelessWorld(server({ max: 2 }));
  const { child, call, stream } = await begin(world, { capabilities: ALL });
  child.say(roots(0));
  world.time.advance(20);
  child.say({ id: call.id!, result: { content: [] } });
  const { requestState, inputRequests } = required(world, stream);
  const other = await begin(world, { capabilities: FORM }, 2);
  assert.equal(other.child, child);
  elicit(child, 1);
  world.time.advance(20);
  child.take();
  const answers = Object.fromEntries(Object.keys(inputRequests).map((name) => [name, { roots: [] }]));
  const last = world.ask(3, reply(requestState, answers, { capabilities: ALL }));
  await settle();
  assert.equal(world.answer(last).result!['resultType'], 'complete');
  assert.deepEqual(child.take(), []);
  const third = await begin(world, { capabilities: FORM }, 4, 2);
  elicit(third.child, 1);
  world.time.advance(20);
  const { error } = world.answer(third.stream);
  assert.equal(error?.data?.['reason'], 'limit.parked', 'the other call still counts as one that waits');
});

test('roots that were asked for between calls were the first', async () => {
  const world = statelessWorld(server());
  const first = await begin(world, {});
  first.child.say({ id: first.call.id!, result: {} });
  first.child.say(roots(0));
  first.child.take();
  const { child, stream } = await begin(world, {}, 2);
  child.say(roots(1));
  world.time.advance(20);
  world.time.advance(1_000);
  assert.equal(world.told(stream)[0]!.head.t, 'no');
});

test('what else a child asks at first is its call’s', async () => {
  const world = statelessWorld(server());
  const { child, stream } = await begin(world, {});
  elicit(child, 0);
  world.time.advance(20);
  world.time.advance(1_000);
  const refusal = world.told(stream)[0]!.head;
  assert.deepEqual(refusal.t === 'no' && refusal.required, { elicitation: {} });
});

test('what a server asks while its call waits is asked in the next round, and nothing is said in the client’s name before', async () => {
  const world = statelessWorld(server());
  const { child, call, state, key } = await parked(world, { capabilities: ALL });
  child.say(roots(1));
  elicit(child, 2);
  child.say({ id: 3, method: 'sampling/createMessage', params: { messages: [] } });
  child.say({ method: 'notifications/cancelled', params: { requestId: 3 } });
  world.time.advance(1_000);
  assert.deepEqual(child.take(), []);
  const second = world.ask(2, reply(state, { [key]: { action: 'decline' } }, { capabilities: ALL }));
  await settle();
  assert.deepEqual(
    child.take().map(({ id, result }) => [id, result]),
    [[0, { action: 'decline' }]],
  );
  const { inputRequests, requestState } = required(world, second);
  assert.deepEqual(
    Object.values(inputRequests).map(({ method }) => method),
    ['roots/list', 'elicitation/create'],
  );
  const answers = Object.entries(inputRequests).map(([name, { method }]) => [
    name,
    method === 'roots/list' ? { roots: [{ uri: 'file:///a' }] } : { action: 'cancel' },
  ]);
  const third = world.ask(3, reply(requestState, Object.fromEntries(answers), { capabilities: ALL }));
  await settle();
  assert.deepEqual(
    child.take().map(({ id, result }) => [id, result]),
    [
      [1, { roots: [{ uri: 'file:///a' }] }],
      [2, { action: 'cancel' }],
    ],
  );
  child.say({ id: call.id!, result: {} });
  assert.ok(world.answer(third).result);
});

test('while its call waits a server may ask so much and no more', async () => {
  const world = statelessWorld(server());
  const { child } = await parked(world, { capabilities: ALL });
  for (let id = 1; id < 64; id++) elicit(child, id);
  assert.deepEqual(child.take(), []);
  elicit(child, 64);
  assert.deepEqual(
    child.take().map(({ id, error }) => [id, error?.code]),
    [[64, -32601]],
  );
});

const declining = (args: unknown, key: string): object => ({
  name: 'ask',
  arguments: args,
  inputResponses: { [key]: { action: 'decline' } },
});

test('a client that comes back with other arguments is refused, and may come back with the same, however they are written', async () => {
  for (const args of [undefined, {}, { a: 1 }, { a: [0, { b: null, c: 'ĝ' }], d: {} }]) {
    const world = statelessWorld(server());
    const first = { capabilities: FORM, params: { name: 'ask', ...(args === undefined ? {} : { arguments: args }) } };
    const { child, call, state, key } = await parked(world, first);
    for (const other of [
      { a: 2 },
      { ...args, more: 0 },
      { a: [0, { b: null }], d: {} },
      { a: [{ b: null, c: 'ĝ' }, 0], d: {} },
      [],
      null,
    ]) {
      const refused = world.ask(2, { capabilities: FORM, state, params: declining(other, key) });
      await settle();
      const { error } = world.answer(refused);
      assert.equal(error?.code, -32602);
      assert.match(error.message, /arguments/);
    }
    assert.deepEqual(child.take(), []);
    const same = args?.d === undefined ? (args ?? {}) : { d: {}, a: [-0, { c: 'ĝ', b: null }] };
    const next = world.ask(3, { capabilities: FORM, state, params: declining(same, key) });
    await settle();
    assert.equal(child.take().length, 1);
    child.say({ id: call.id!, result: {} });
    assert.ok(world.answer(next).result);
  }
});

test('a client that comes back repeats its arguments in headers like everybody', async () => {
  const schema = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } };
  const world = statelessWorld(server(), 'legacy', {}, [{ name: 'ask', inputSchema: schema }]);
  const args = { region: 'eu' };
  const headers = { region: 'eu' };
  const { child, state, key } = await parked(world, { capabilities: FORM, params: { name: 'ask', arguments: args }, headers });
  const params = declining(args, key);
  for (const wrong of [undefined, { region: 'us' }]) {
    const refused = world.ask(2, { capabilities: FORM, state, params, ...(wrong === undefined ? {} : { headers: wrong }) });
    await settle();
    const { head } = world.told(refused)[0]!;
    assert.equal(head.t === 'no' && head.reason, 'request.header_mismatch');
  }
  assert.deepEqual(child.take(), []);
  world.ask(3, { capabilities: FORM, state, params, headers });
  await settle();
  assert.equal(child.take().length, 1);
});

test('an answer inside of an array fails its call at once, but where the server has chosen the revision that has batches', async () => {
  for (const [revision, outcome] of [
    ['2025-11-25', 'server.reply_invalid'],
    ['2025-03-26', { content: [] }],
  ] as const) {
    const world = statelessWorld(server({}, { era: 'legacy' }), 'auto');
    const stream = world.ask(1);
    const child = await world.nursery.nth(1);
    child.say({ id: 1, result: { protocolVersion: revision, capabilities: {} } });
    await settle();
    child.say({ id: 2, result: { tools: [] } });
    await settle();
    child.say('[{"jsonrpc":"2.0","method":"notifications/x"},7,[],{"jsonrpc":"2.0","id":3,"result":{"content":[]}}]');
    const { error, result } = world.answer(stream);
    assert.deepEqual(error?.data?.['reason'] ?? { content: result?.['content'] }, outcome);
    assert.equal(child.noises.length, revision === '2025-03-26' ? 2 : 1);
  }
});
