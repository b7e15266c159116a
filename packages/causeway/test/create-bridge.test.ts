import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createBridge, type BridgeOptions } from '../src/index.ts';
import { VERSION } from '../src/version.ts';

const CHILD = join(import.meta.dirname, 'fixtures/child.mjs');
const servers = { child: { command: process.execPath, args: [CHILD], idle: '5m' } };

const initialize = (url: string): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    }),
  });

test('a bridge serves its server, drains, and leaves nothing', async () => {
  const bridge = await createBridge({ servers, listen: { port: 0 } });
  assert.throws(() => bridge.url('child'), /does not listen yet/);
  const url = await bridge.listen();
  assert.equal(bridge.url('child'), `${url}/servers/child/mcp`);
  assert.throws(() => bridge.url('other'), /no server "other"/);
  await assert.rejects(bridge.listen(), /listens already/);
  const response = await initialize(bridge.url('child'));
  assert.equal(response.status, 200);
  await response.text();
  await bridge.drain({ timeout: 2_000 });
  await bridge[Symbol.asyncDispose]();
  await bridge[Symbol.asyncDispose]();
  await assert.rejects(fetch(`${url}/livez`));
});

test('a bridge has a listener for operators only when it is asked for', async () => {
  await using plain = await createBridge({ servers });
  await plain.listen({ port: 0 });
  assert.equal(plain.admin, undefined);
  await using open = await createBridge({ servers, admin: { port: 0 } });
  assert.equal(open.admin, undefined);
  await open.listen({ port: 0 });
  const { url, token } = open.admin!;
  const answer = await fetch(`${url}/api/v1/workers`, { headers: { authorization: `Bearer ${token}` } });
  const { workers } = (await answer.json()) as { workers: { servers: string[]; version: string }[] };
  assert.deepEqual(
    workers.map((worker) => [worker.servers, worker.version]),
    [[['child'], VERSION]],
  );
  await using given = await createBridge({ servers, admin: { port: 0, token: 'mine' } });
  await given.listen({ port: 0 });
  assert.equal(given.admin?.token, 'mine');
  await assert.rejects(createBridge({ servers, admin: { host: '0.0.0.0' } }), /needs a token there/);
});

test('options that cannot be used are told together; text with ${} in it is text', async () => {
  await assert.rejects(
    createBridge({ servers: { 'a b': { command: 'x', idel: 1 } } }),
    (error: Error) => error.name === 'ConfigError' && error.message.split('\n').length === 2,
  );
  await using bridge = await createBridge({ servers: { a: { command: 'x', args: ['${NOT_SET}'] } } });
  assert(bridge);
});

test('limits hold in an embedded bridge', async () => {
  await using bridge = await createBridge({ servers, limits: { sessions: 1 } });
  await bridge.listen({ port: 0 });
  const statuses: number[] = [];
  for (let count = 0; count < 2; count += 1) {
    const response = await initialize(bridge.url('child'));
    statuses.push(response.status);
    await response.text();
  }
  assert.deepEqual(statuses, [200, 503]);
  await assert.rejects(bridge.drain({ timeout: 'soon' }), { name: 'ConfigError', message: /not a duration: "soon"/ });
  await bridge.drain({ timeout: '2s' });
});

test('what an embedded bridge cannot be is refused by name, from JavaScript too', async () => {
  const refused = async (options: unknown, ...lines: RegExp[]): Promise<void> => {
    await assert.rejects(createBridge(options as BridgeOptions), (error: Error) => {
      assert.equal(error.name, 'ConfigError');
      const told = error.message.split('\n');
      assert.equal(told.length, lines.length, error.message);
      for (const [index, line] of lines.entries()) assert.match(told[index]!, line);
      return true;
    });
  };
  await refused({ servers, nats: { url: 'nats://127.0.0.1:4222' } }, /^options {2}nats: createBridge\(\) is one process/);
  await refused({ servers, diagnostics: { port: 9464 } }, /^options {2}diagnostics: /);
  await refused({}, /^options {2}servers: needs at least one server$/);
  await refused({ servers: {}, nats: 'nats://x', limit: {} }, /nats: /, /servers: needs/, /limit: unknown key/);
});

test('an address that is taken rejects, and another may be tried', async () => {
  await using first = await createBridge({ servers });
  const { port } = new URL(await first.listen({ port: 0 }));
  await using second = await createBridge({ servers });
  await assert.rejects(second.listen({ port: Number(port) }), { code: 'EADDRINUSE' });
  assert.match(await second.listen({ port: 0 }), /^http:/);
});
