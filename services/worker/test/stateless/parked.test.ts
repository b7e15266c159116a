import assert from 'node:assert/strict';
import { test } from 'node:test';
import { server, settle } from '../pool/pool-world.ts';
import { ALL, begin, elicit, FORM, parked, reply, required, type Asked } from './asked.ts';
import { statelessWorld, type AskOptions, type StatelessWorld } from './stateless-world.ts';

test('a question in the middle of a call comes back as input_required, and its answer goes on with the same call', async () => {
  const world = statelessWorld(server());
  const { child, call, state, key } = await parked(world);
  const next = world.ask('two', reply(state, { [key]: { action: 'accept', content: { name: 'Ada' } }, other: {} }));
  await settle();
  assert.deepEqual(child.take(), [{ jsonrpc: '2.0', id: 0, result: { action: 'accept', content: { name: 'Ada' } } }]);
  child.say({ id: call.id!, result: { content: [] } });
  const answer = world.answer(next);
  assert.equal(answer.id, 'two');
  assert.equal(answer.result!['resultType'], 'complete');
  assert.equal(world.nursery.children.length, 1);
});

test('a state is good for one round', async () => {
  const world = statelessWorld(server());
  const { state, key, child } = await parked(world);
  const answers = { [key]: { action: 'decline' } };
  world.ask(2, reply(state, answers));
  const again = world.ask(3, reply(state, answers));
  await settle();
  assert.equal(world.answer(again).error?.code, -32602);
  assert.equal(child.take().length, 1);
});

test('several rounds have states of their own, and progress goes to the latest request', async () => {
  const world = statelessWorld(server());
  const first = await parked(world, { capabilities: FORM, meta: { progressToken: 'one' } });
  const second = world.ask(2, reply(first.state, { [first.key]: { action: 'accept' } }, { meta: { progressToken: 'two' } }));
  await settle();
  first.child.say({ method: 'notifications/progress', params: { progressToken: first.call.id!, progress: 1 } });
  assert.deepEqual(
    world.told(second).map(({ message }) => message?.params),
    [{ progressToken: 'two', progress: 1 }],
  );
  elicit(first.child, '');
  world.time.advance(20);
  const { requestState, inputRequests } = required(world, second);
  assert.notEqual(requestState, first.state);
  const third = world.ask(3, reply(requestState, { [Object.keys(inputRequests)[0]!]: { action: 'accept' } }));
  await settle();
  first.child.say({ id: first.call.id!, result: {} });
  assert.equal(world.answer(third).id, 3);
});

test('what a server says while its client thinks comes with the next round: progress and logs, in order, before the answer', async () => {
  for (const early of [false, true]) {
    const world = statelessWorld(server());
    const meta = { progressToken: 'one', 'io.modelcontextprotocol/logLevel': 'info' };
    const { child, call, state, key } = await parked(world, { capabilities: FORM, meta });
    child.say({ method: 'notifications/progress', params: { progressToken: call.id!, progress: 1 } });
    child.say({ method: 'notifications/message', params: { level: 'debug', data: 'not asked for' } });
    child.say({ method: 'notifications/message', params: { level: 'info', data: 'x' } });
    child.say({ method: 'notifications/progress', params: { progressToken: call.id!, progress: 2 } });
    if (early) child.say({ id: call.id!, result: {} });
    const next = world.ask(2, reply(state, { [key]: { action: 'accept' } }, { meta: { ...meta, progressToken: 'two' } }));
    await settle();
    if (!early) child.say({ id: call.id!, result: {} });
    assert.deepEqual(
      world.told(next).flatMap(({ message }) => (message ? [message.params ?? 'answer'] : [])),
      [{ progressToken: 'two', progress: 1 }, { level: 'info', data: 'x' }, { progressToken: 'two', progress: 2 }, 'answer'],
    );
  }
});

test('of what a server says while its client thinks the newest is kept, within a number and within bytes', async () => {
  for (const [text, first] of [
    ['x', 937],
    ['x'.repeat(20_000), 998],
  ] as const) {
    const world = statelessWorld(server());
    const { child, call, state, key } = await parked(world, { capabilities: FORM, meta: { progressToken: 1 } });
    for (let progress = 1; progress <= 1_000; progress += 1)
      child.say({ method: 'notifications/progress', params: { progressToken: call.id!, progress, message: text } });
    const next = world.ask(2, reply(state, { [key]: { action: 'accept' } }, { meta: { progressToken: 2 } }));
    await settle();
    assert.deepEqual(
      world.told(next).map(({ message }) => message?.params?.['progress']),
      Array.from({ length: 1_001 - first }, (_, at) => first + at),
    );
  }
});

test('what a client leaves out is asked for again, and nothing else', async () => {
  const world = statelessWorld(server());
  const { child, call, stream } = await begin(world, { capabilities: ALL });
  elicit(child, 1);
  child.say({ id: 2, method: 'roots/list' });
  world.time.advance(20);
  const { inputRequests, requestState } = required(world, stream);
  const [form, roots] = ['elicitation/create', 'roots/list'].map((method) =>
    Object.keys(inputRequests).find((name) => inputRequests[name]!.method === method)!,
  );
  const second = world.ask(2, reply(requestState, { [form!]: { action: 'accept' }, [roots!]: 'no object' }, { capabilities: ALL }));
  await settle();
  assert.deepEqual(
    child.take().map(({ id }) => id),
    [1],
  );
  const rest = required(world, second);
  assert.deepEqual(Object.keys(rest.inputRequests), [roots]);
  const third = world.ask(3, reply(rest.requestState, { [roots!]: { roots: [] } }, { capabilities: ALL }));
  await settle();
  assert.deepEqual(
    child.take().map(({ id }) => id),
    [2],
  );
  child.say({ id: call.id!, result: {} });
  assert.equal(world.answer(third).id, 3);
});

const sample = { id: 7, method: 'sampling/createMessage', params: { messages: [] } };

/** A call of a client that has declared too little, whose server has been told that it cannot ask for a completion. */
async function refused(world: StatelessWorld, capabilities: AskOptions['capabilities'] = {}): Promise<Asked> {
  const asked = await begin(world, { capabilities });
  asked.child.say(sample);
  world.time.advance(20);
  assert.equal(asked.child.take().find(({ id }) => id === 7)?.error?.code, -32601);
  assert.deepEqual(world.told(asked.stream), [], 'the server may go on without');
  return asked;
}

function lacks(world: StatelessWorld, stream: string, required: object): void {
  const refusal = world.told(stream)[0]!.head;
  assert.equal(refusal.t === 'no' && refusal.reason, 'request.capability');
  assert.deepEqual(refusal.t === 'no' && refusal.required, required);
}

test('a client that has declared nothing is not asked: the call fails at its server, and the client hears what was missing', async () => {
  for (const failure of [{ error: { code: -32603, message: 'no completion' } }, { result: { content: [], isError: true } }]) {
    const world = statelessWorld(server());
    const { child, call, stream } = await refused(world);
    child.say({ id: call.id!, ...failure });
    lacks(world, stream, { sampling: {} });
    await settle();
    assert.equal(child.stops, 0, 'its server has said its last word about it: it may serve others');
  }
});

test('a server that goes on without what it was refused is heard', async () => {
  const world = statelessWorld(server());
  const { child, call, stream } = await refused(world);
  child.say({ id: call.id!, result: { content: [] } });
  assert.equal(world.answer(stream).result!['resultType'], 'complete');
});

test('a question that comes after one that was refused is asked', async () => {
  const world = statelessWorld(server());
  const { child, call, stream } = await refused(world, FORM);
  elicit(child, 8);
  world.time.advance(20);
  const { requestState, inputRequests } = required(world, stream);
  world.time.advance(5_000);
  const next = world.ask(2, reply(requestState, { [Object.keys(inputRequests)[0]!]: { action: 'decline' } }));
  await settle();
  child.say({ id: call.id!, error: { code: -32603, message: 'declined' } });
  assert.equal(world.answer(next).error?.code, -32603, 'its own error: the client was asked since');
});

test('a server that says nothing more once it was refused is given up', async () => {
  const world = statelessWorld(server());
  const { child, call, stream } = await refused(world);
  world.time.advance(500);
  child.say({ ...sample, id: 9, params: { messages: [], tools: [] } });
  world.time.advance(500);
  lacks(world, stream, { sampling: { tools: {} } });
  assert.equal(child.take().find(({ method }) => method === 'notifications/cancelled')?.params?.['requestId'], call.id);
  await settle();
  assert.equal(child.stops, 1, 'nobody is given this child again');
});

test('of several questions those that may be asked are, the others are refused', async () => {
  const world = statelessWorld(server());
  const { child, stream } = await begin(world, { capabilities: FORM });
  elicit(child, 1);
  child.say({ id: 2, method: 'sampling/createMessage', params: { messages: [] } });
  world.time.advance(20);
  assert.equal(child.take().find(({ id }) => id === 2)?.error?.code, -32601);
  assert.deepEqual(
    Object.values(required(world, stream).inputRequests).map(({ method }) => method),
    ['elicitation/create'],
  );
});

test('a client that does not come back is not waited for for ever', async () => {
  const world = statelessWorld(server({ parked: 5_000 }));
  const { child, call, state } = await parked(world);
  world.time.advance(5_010);
  assert.deepEqual(child.take(), [
    { jsonrpc: '2.0', id: 0, result: { action: 'cancel' } },
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: call.id, reason: 'the client did not come back' } },
  ]);
  await settle();
  assert.equal(child.stops, 1);
  const late = world.ask(2, reply(state, {}));
  await settle();
  const { error } = world.answer(late);
  assert.deepEqual([error?.code, error?.data?.['executed']], [-32602, 'unknown'], 'the call had begun');
});

test('an answer that the server gives before its client comes back waits for the client', async () => {
  const world = statelessWorld(server());
  const { child, call, state } = await parked(world);
  child.say({ id: call.id!, result: { isError: true, content: [] } });
  const next = world.ask(2, reply(state, {}));
  await settle();
  assert.equal(world.answer(next).result!['isError'], true);
});

test('when the server is lost while a call waits, its client is told', async () => {
  const world = statelessWorld(server());
  const { child, state } = await parked(world);
  child.exit();
  const next = world.ask(2, reply(state, {}));
  await settle();
  assert.equal(world.answer(next).error?.code, -32602);
});

test('a client that leaves cancels its call; one that left a call which waits does not', async () => {
  const world = statelessWorld(server());
  const { child, call, stream } = await begin(world, {});
  world.leave(stream);
  assert.equal(child.take()[0]?.params?.['requestId'], call.id);
  const other = await begin(world, { capabilities: FORM }, 2, 2);
  elicit(other.child, 1);
  world.time.advance(20);
  world.leave(other.stream);
  assert.deepEqual(other.child.take(), []);
  assert.equal(other.child.stops, 0);
});

test('not all children may wait for their clients', async () => {
  const world = statelessWorld(server({ max: 2 }));
  const first = await begin(world, { capabilities: FORM }, 1, 1);
  const second = await begin(world, { capabilities: FORM }, 2, 2);
  for (const { child } of [first, second]) elicit(child, 1);
  world.time.advance(20);
  assert.ok(required(world, first.stream).requestState);
  assert.equal((world.answer(second.stream).error as { data?: { reason?: string } }).data?.reason, 'limit.parked');
});

test('somebody else cannot go on with the call', async () => {
  const world = statelessWorld(server());
  const { state, key } = await parked(world);
  assert.equal(world.open(state, { identity: 'b' }), undefined);
  assert.equal(world.open(state, { method: 'prompts/get' }), undefined);
  assert.ok(world.open(state)?.parked);
  assert.ok(key);
});

test('logs are passed on where they were asked for, from the level that was asked for on', async () => {
  const world = statelessWorld(server());
  const { child, stream } = await begin(world, { meta: { 'io.modelcontextprotocol/logLevel': 'warning' } });
  for (const level of ['debug', 'info', 'warning', 'error']) child.say({ method: 'notifications/message', params: { level, data: level } });
  assert.deepEqual(
    world.told(stream).map(({ message }) => message?.params?.['data']),
    ['warning', 'error'],
  );
  const quiet = await begin(world, {}, 2, 2);
  quiet.child.say({ method: 'notifications/message', params: { level: 'emergency', data: 'x' } });
  assert.deepEqual(world.told(quiet.stream), []);
});

test('a question outside of any call is answered by the bridge', async () => {
  const world = statelessWorld(server());
  const { child, call } = await begin(world, {});
  child.say({ id: call.id!, result: {} });
  child.say({ id: 0, method: 'roots/list' });
  child.say({ id: 1, method: 'ping' });
  child.say({ id: 2, method: 'elicitation/create', params: {} });
  assert.deepEqual(
    child.take().map(({ id, result, error }) => [id, result ?? error?.code]),
    [
      [0, { roots: [] }],
      [1, {}],
      [2, -32601],
    ],
  );
});

test('errors that this era does not know are told as those that it does', async () => {
  const world = statelessWorld(server());
  const { child, call, stream } = await begin(world, {});
  child.say({ id: call.id!, error: { code: -32002, message: 'Resource not found', data: { uri: 'x' } } });
  assert.deepEqual(world.answer(stream).error, { code: -32602, message: 'Resource not found', data: { uri: 'x' } });
  const unknown = await begin(world, {}, 2);
  unknown.child.say({ id: unknown.call.id!, error: { code: -32601, message: 'Method not found' } });
  const { head } = world.told(unknown.stream)[0]!;
  assert.equal(head.t === 'server' && head.status, 404);
  const url = await begin(world, { capabilities: { elicitation: { url: {} } } }, 3);
  url.child.say({
    id: url.call.id!,
    error: { code: -32042, message: 'x', data: { elicitations: [{ mode: 'url', elicitationId: 'e', url: 'https://x', message: 'm' }] } },
  });
  assert.deepEqual(world.answer(url.stream).result, {
    resultType: 'input_required',
    inputRequests: { 'elicitation-1': { method: 'elicitation/create', params: { mode: 'url', url: 'https://x', message: 'm' } } },
  });
});
