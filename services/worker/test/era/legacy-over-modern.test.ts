/** A server of the stateless era as a session sees it: message by message, over a scripted child. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ANSWERS_ALL,
  asks,
  call,
  CAPABILITIES,
  CLIENT,
  INFO,
  LEVEL,
  meta,
  SAYS_ALL,
  SERVER,
  settle,
  Stage,
  SUBSCRIPTION,
  VERSION,
} from './stage.ts';

test('initialize is answered with what the server is', () => {
  const stage = new Stage();
  stage.write({
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-03-26', capabilities: { roots: {}, tasks: {} }, clientInfo: CLIENT },
  });
  const asked = stage.given();
  assert.equal(asked.method, 'server/discover');
  assert.deepEqual(meta(asked), { [VERSION]: '2026-07-28', [CAPABILITIES]: { roots: {} }, [INFO]: CLIENT });
  const result = {
    ...{
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      ttlMs: 5,
      cacheScope: 'public',
      instructions: 'do',
      capabilities: SAYS_ALL,
    },
    _meta: { [SERVER]: { name: 's', version: '2', title: 'S' } },
  };
  stage.child.say({ id: asked.id!, result });
  const { extensions: _, ...capabilities } = SAYS_ALL;
  assert.deepEqual(stage.heard(), [
    {
      ...{ jsonrpc: '2.0', id: 1 },
      result: { protocolVersion: '2025-03-26', serverInfo: { name: 's', version: '2', title: 'S' }, instructions: 'do', capabilities },
    },
  ]);
});

test('of a revision that is not known the newest is offered, and a server without a name gets one', () => {
  for (const result of [{ resultType: 'complete', supportedVersions: ['2026-07-28'] }, { capabilities: null }]) {
    const stage = new Stage();
    stage.write({ id: 1, method: 'initialize', params: { protocolVersion: '2024-01-01', capabilities: {}, clientInfo: CLIENT } });
    stage.child.say({ id: stage.given().id!, result });
    const expected = { protocolVersion: '2025-11-25', serverInfo: { name: 'git', version: '0' }, capabilities: {} };
    assert.deepEqual(stage.heard()[0]?.result, expected);
  }
});

test('what the server refuses of the discovery is the answer to initialize, without a code of its era', () => {
  const stage = new Stage();
  stage.write({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: CLIENT } });
  stage.child.say({ id: stage.given().id!, error: { code: -32022, message: 'no such version', data: { supported: [] } } });
  assert.deepEqual(stage.heard()[0]?.error, { code: -32603, message: 'no such version', data: { supported: [] } });
});

test('a call goes with the envelope, ids and tokens of its own, and everything else to the byte', () => {
  const stage = new Stage();
  stage.open();
  const foreign = `"task":{"ttl":1},"big":12345678901234567890,"s":"\\u0041"`;
  stage.write(
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"progressToken":7,"v/k":1,"${VERSION}":"2025-06-18"},${foreign}}}`,
  );
  const [line] = stage.child.written;
  const asked = stage.given();
  assert.deepEqual(meta(asked), {
    ...{ [VERSION]: '2026-07-28', [CAPABILITIES]: ANSWERS_ALL, [INFO]: CLIENT, [LEVEL]: 'debug' },
    ...{ progressToken: asked.id, 'v/k': 1 },
  });
  assert.equal(asked.params!['task'], undefined);
  assert.match(line!, /"big":12345678901234567890,"s":"\\u0041"\}\}$/);
  stage.child.say({ method: 'notifications/progress', params: { progressToken: asked.id, progress: 1 } });
  stage.child.say(
    `{"jsonrpc":"2.0","id":${asked.id},"result":{"resultType":"complete","content":[],"n":12345678901234567890,"ttlMs":1,"cacheScope":"private","_meta":{"${SERVER}":{"name":"s","version":"1"}}}}`,
  );
  assert.equal(stage.said[1], '{"jsonrpc":"2.0","id":7,"result":{"content":[],"n":12345678901234567890}}');
  assert.deepEqual(stage.heard()[0]?.params, { progressToken: 7, progress: 1 });
  stage.child.say({ method: 'notifications/progress', params: { progressToken: asked.id, progress: 2 } });
  stage.child.say({ id: asked.id!, result: { resultType: 'complete' } });
  assert.deepEqual(stage.heard(), [], 'nothing comes after the answer');
});

test('whatever shape its parameters have, a request is valid JSON with an envelope', () => {
  const shapes = ['', ',"params":{}', ',"params":{ }', ',"params":{"_meta":{}}', ',"params":{"task":{}}', ',"params":{"_meta":null,"a":1}'];
  for (const [at, shape] of shapes.entries()) {
    const stage = new Stage();
    stage.open();
    stage.write(`{"jsonrpc":"2.0","id":${at + 2},"method":"tools/list"${shape}}`);
    const asked = stage.given();
    assert.equal(meta(asked)[VERSION], '2026-07-28', shape);
    assert.deepEqual(Object.keys(asked.params!).toSorted(), shape.includes('"a"') ? ['_meta', 'a'] : ['_meta'], shape);
    stage.child.say(`{"jsonrpc":"2.0","id":${asked.id},"result":{"ttlMs":0,"resultType":"complete","_meta":{"${SERVER}":{},"k":1}}}`);
    assert.deepEqual(stage.heard()[0]?.result, { _meta: { k: 1 } });
  }
});

test('structured content that is no object is one, as its schema says; a schema that may be either says nothing', () => {
  const stage = new Stage();
  stage.open();
  const schemas = [{ type: 'object' }, { type: 'array', items: {} }, { type: 'array', items: { $ref: '#/$defs/a' } }, { anyOf: [] }, true];
  stage.write({ id: 5, method: 'tools/list' });
  const tools = [{ name: 'none' }, ...schemas.map((outputSchema) => ({ outputSchema, name: 't' }))];
  stage.child.say({ id: stage.given().id!, result: { tools, resultType: 'complete' } });
  const wrapped = { type: 'object', properties: { result: { type: 'array', items: {} } }, required: ['result'] };
  assert.deepEqual(stage.heard()[0]?.result, {
    tools: [
      { name: 'none' },
      ...[{ type: 'object' }, wrapped].map((outputSchema) => ({ outputSchema, name: 't' })),
      ...Array.from({ length: 3 }, () => ({ name: 't' })),
    ],
  });
  for (const [value, told] of [
    [[1], { result: [1] }],
    [null, { result: null }],
    ['x', { result: 'x' }],
    [{ a: 1 }, { a: 1 }],
  ] as const) {
    stage.write(call(6));
    stage.child.say({ id: stage.given().id!, result: { resultType: 'complete', structuredContent: value, content: [] } });
    assert.deepEqual(stage.heard()[0]?.result, { structuredContent: told, content: [] });
  }
});

test('a client that says nonsense of itself is passed on as one that says nothing', () => {
  for (const said of ['"capabilities":5,"clientInfo":null', '"capabilities":{"a":{},"a":{}},"clientInfo":{"a":1,"a":2}', '"a":1']) {
    const stage = new Stage();
    stage.write(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",${said}}}`);
    assert.deepEqual(meta(stage.given()), { [VERSION]: '2026-07-28', [CAPABILITIES]: {} });
  }
});

test('codes of the stateless era are told as an internal error, all others as they are', () => {
  const codes: readonly (readonly [number, number])[] = [
    [-32020, -32603],
    [-32022, -32603],
    [-32602, -32602],
    [-32042, -32042],
    [5, 5],
  ];
  for (const [code, told] of codes) {
    const stage = new Stage();
    stage.open();
    stage.write(call(2));
    stage.child.say({ id: stage.given().id!, error: { code, message: 'because' } });
    assert.deepEqual(stage.heard()[0]?.error, { code: told, message: 'because' });
  }
});

test('a server that refuses for what the client has not declared ends the call as one that asks for it: of a tool in its result', async () => {
  const data = { requiredCapabilities: { sampling: {} } };
  const tool = new Stage();
  tool.open();
  tool.write(call(2));
  tool.child.say({ id: tool.given().id!, error: { code: -32021, message: 'no sampling here', data } });
  await settle();
  assert.deepEqual(tool.heard()[0]?.result, { content: [{ type: 'text', text: 'no sampling here' }], isError: true });
  const stage = new Stage();
  stage.open();
  stage.write({ id: 2, method: 'prompts/get', params: { name: 'p' } });
  stage.child.say({ id: stage.given().id!, error: { code: -32021, message: 'no sampling here', data } });
  assert.deepEqual(stage.heard()[0]?.error, { code: -32603, message: 'no sampling here', data });
});

test('what the stateless era has no word for is answered here, after it is written', async () => {
  const stage = new Stage();
  stage.open();
  const requests = ['ping', 'tasks/list', 'subscriptions/listen', 'server/discover'];
  for (const [at, method] of requests.entries()) assert.equal(stage.write({ id: at + 2, method, params: {} }), true);
  assert.deepEqual(stage.heard(), [], 'not while it is written');
  await settle();
  const unknown = { code: -32601, message: 'Method not found' };
  assert.deepEqual(
    stage.heard().map(({ id, result, error }) => [id, result ?? error]),
    [
      [2, {}],
      [3, unknown],
      [4, unknown],
      [5, unknown],
    ],
  );
  for (const method of ['notifications/roots/list_changed', 'notifications/progress']) stage.write({ method });
  stage.write({ method: 'notifications/vendor', params: { a: 1 } });
  const passed = stage.given();
  assert.deepEqual([passed.method, passed.params!['a'], meta(passed)[VERSION]], ['notifications/vendor', 1, '2026-07-28']);
});

test('the level of logs is kept and sent with each request, where the server logs', async () => {
  const stage = new Stage();
  stage.open();
  stage.write({ id: 2, method: 'logging/setLevel', params: { level: 'error' } });
  stage.write({ id: 3, method: 'logging/setLevel', params: { level: 'loud' } });
  await settle();
  assert.deepEqual(
    stage.heard().map(({ result, error }) => result ?? error?.code),
    [{}, -32602],
  );
  stage.write(call(4));
  assert.equal(meta(stage.given())[LEVEL], 'error');
  const silent = new Stage();
  silent.open({ tools: {} });
  silent.write({ id: 2, method: 'logging/setLevel', params: { level: 'error' } });
  silent.write({ id: 3, method: 'resources/subscribe', params: { uri: 'a:b' } });
  await settle();
  assert.deepEqual(
    silent.heard().map(({ error }) => error?.code),
    [-32601, -32601],
  );
  silent.write(call(4));
  assert.equal(meta(silent.given())[LEVEL], undefined);
});

test('changes are told as servers with a handshake tell them, and only by the subscription that counts', async () => {
  const stage = new Stage();
  const listening = stage.open();
  stage.agree(listening);
  stage.child.say({ method: 'notifications/tools/list_changed', params: { _meta: { [SUBSCRIPTION]: listening } } });
  stage.child.say({ method: 'notifications/tools/list_changed', params: { _meta: { [SUBSCRIPTION]: 999 } } });
  stage.child.say({ method: 'notifications/message', params: { level: 'info', data: 'x' } });
  assert.deepEqual(
    stage.heard().map(({ method, params }) => [method, params]),
    [
      ['notifications/tools/list_changed', {}],
      ['notifications/message', { level: 'info', data: 'x' }],
    ],
  );
  stage.write({ id: 6, method: 'resources/subscribe', params: { uri: 'a:b' } });
  const next = stage.given();
  assert.deepEqual(next.params!['notifications'], { toolsListChanged: true, resourcesListChanged: true, resourceSubscriptions: ['a:b'] });
  await settle();
  assert.deepEqual(stage.heard(), [], 'not before the server has agreed');
  stage.agree(next.id as number, ['a:b']);
  assert.deepEqual(stage.given().params, { requestId: listening }, 'the one before it is over');
  await settle();
  assert.deepEqual(stage.heard()[0]?.result, {});
  stage.child.say({ method: 'notifications/resources/updated', params: { uri: 'a:b', _meta: { [SUBSCRIPTION]: next.id, k: 1 } } });
  assert.deepEqual(stage.heard()[0]?.params, { uri: 'a:b', _meta: { k: 1 } });
  stage.write({ id: 7, method: 'resources/unsubscribe', params: { uri: 'a:b' } });
  await settle();
  assert.deepEqual(stage.heard()[0]?.result, {});
  assert.equal((stage.given().params!['notifications'] as Record<string, unknown>)['resourceSubscriptions'], undefined);
});

test('a request of the server is refused, and what is no answer of ours reaches nobody', () => {
  const stage = new Stage();
  stage.open();
  stage.child.say({ id: 'x', method: 'roots/list' });
  assert.deepEqual(stage.given(), { jsonrpc: '2.0', id: 'x', error: { code: -32601, message: 'Method not found' } });
  stage.write(call(5));
  const { id } = stage.given();
  for (const other of [5, 999, `0${id}`, `${id}.0`, `${id} `]) stage.child.say({ id: other, result: { resultType: 'complete' } });
  assert.deepEqual(stage.heard(), []);
  // As text it is ours.
  stage.child.say({ id: String(id), result: { resultType: 'complete' } });
  assert.deepEqual(stage.heard(), [{ jsonrpc: '2.0', id: 5, result: {} }]);
});

test('a line that cannot be read is noise, and whoever waits for it waits no longer', async () => {
  const broken = [
    (id: unknown) => `{"jsonrpc":"2.0","id":${String(id)},"result":{"a":1,"a":2}}`,
    (id: unknown) => `{"jsonrpc":"2.0","id":${String(id)},"result":{"a":NaN}}`,
    (id: unknown) => `[{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":${String(id)},"result":{}}]`,
  ];
  for (const line of broken) {
    const stage = new Stage();
    stage.open();
    stage.write(call(5));
    stage.child.say(line(stage.given().id));
    const [answer] = stage.heard();
    assert.deepEqual([answer?.id, answer?.error?.data?.['reason']], [5, 'server.reply_invalid']);
    assert.equal(stage.child.noises.length, 1);
    stage.child.say('hello');
    assert.equal(stage.child.noises.length, 2);
    stage.write({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {} } });
    stage.child.say(line(stage.given().id));
    assert.equal(stage.heard()[0]?.id, 1);
  }
  // Nested deeper than a value is looked into at first.
  const stage = new Stage();
  stage.open();
  stage.write(call(5));
  stage.child.say(
    `{"jsonrpc":"2.0","id":${stage.given().id},"result":{"resultType":"input_required","inputRequests":{"a":{"method":"x","method":"y"}}}}`,
  );
  await settle();
  assert.equal(stage.heard()[0]?.result?.['isError'], true);
});

test('nothing is left when the child has ended, and its exit is told', async () => {
  const stage = new Stage();
  stage.agree(stage.open());
  stage.write({ id: 6, method: 'resources/subscribe', params: { uri: 'a:b' } });
  stage.write(call(7));
  const [, made] = stage.child.take();
  stage.child.say({ id: made!.id!, result: asks({}, 's') });
  stage.heard();
  await stage.adapter.stop();
  assert.deepEqual([stage.exits, stage.time.wheel.size], [1, 0]);
  stage.time.advance(100_000);
  await settle();
  assert.deepEqual(stage.heard(), []);
});
