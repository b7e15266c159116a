/** Over real sockets: what is refused before its body was read names its request all the same. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster } from '@causeway/cluster';
import { newEdgeId } from '@causeway/protocol';
import { createHealth, createWheel, silentLog, systemClock } from '@causeway/runtime';
import { createServer } from '../../src/http/server.ts';
import { openContext } from '../../src/open-context.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker } from '../scripted-worker.ts';

/** Sends the head of a POST and these pieces of its body; gives the answer. */
type Send = (
  head: readonly string[],
  pieces: readonly string[],
  path?: string,
) => Promise<{ readonly status: number; readonly id: unknown }>;

async function setting(t: TestContext): Promise<Send> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster = stack.use(await openMemoryCluster());
  stack.use(await scriptedWorker(cluster, obliging));
  const deps = { id: newEdgeId(), cluster, log: silentLog(), clock: systemClock, wheel: stack.use(createWheel()), random: () => 0.5 };
  const server = stack.use(createServer(await openContext(stack, deps, edgeOptions), { health: createHealth() }));
  const port = Number(new URL(await server.listen(edgeOptions.listen)).port);
  return async (head, pieces, path = '/mcp') => {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    await once(socket, 'connect');
    const answer = text(socket);
    socket.write(`${[`POST ${path} HTTP/1.1`, 'host: 127.0.0.1', 'connection: close', ...head].join('\r\n')}\r\n\r\n`);
    for (const piece of pieces) socket.write(piece);
    const [, status, body] = /^HTTP\/1\.1 (\d+) .*?\r\n\r\n(.*)$/s.exec(await answer) ?? [];
    return { status: Number(status), id: (JSON.parse(body ?? '{}') as { id?: unknown }).id };
  };
}

const JSON_HEAD = ['content-type: application/json', 'accept: application/json, text/event-stream'];
const CALL = '{"jsonrpc":"2.0","id":"seven","method":"tools/call","params":{"name":"echo"}}';
const LARGE = CALL.replace('echo', 'e'.repeat(100_000));
const lengthOf = (body: string): string => `content-length: ${body.length}`;

test('a request that is refused by its head alone, or for its size, is named', { timeout: 10_000 }, async (t) => {
  const send = await setting(t);
  for (const [status, head, path] of [
    [406, ['content-type: application/json']],
    [415, ['content-type: text/plain', ...JSON_HEAD.slice(1)]],
    [404, JSON_HEAD, '/servers/other/mcp'],
    [404, JSON_HEAD, '/nowhere'],
    [400, [...JSON_HEAD, 'mcp-method: a', 'mcp-method: b']],
    [403, [...JSON_HEAD, 'origin: http://evil.example']],
  ] as const)
    assert.deepEqual(await send([...head, lengthOf(CALL)], [CALL], path), { status, id: 'seven' });
  assert.deepEqual(await send([...JSON_HEAD, lengthOf(LARGE)], [LARGE]), { status: 413, id: 'seven' });
  const chunk = `${LARGE.length.toString(16)}\r\n${LARGE}\r\n`;
  assert.deepEqual(await send([...JSON_HEAD, 'transfer-encoding: chunked'], [chunk, '0\r\n\r\n']), { status: 413, id: 'seven' });
});

test('an answer that is refused is not, since its id is one of the server’s', { timeout: 10_000 }, async (t) => {
  const send = await setting(t);
  const answer = `{"jsonrpc":"2.0","id":1,"result":{"text":"${'e'.repeat(100_000)}"}}`;
  assert.deepEqual(await send([...JSON_HEAD, lengthOf(answer)], [answer]), { status: 413, id: null });
});

test('a client that does not send its body is refused all the same', { timeout: 10_000 }, async (t) => {
  const send = await setting(t);
  for (const pieces of [[], ['{"id":1,']])
    assert.deepEqual(await send(['content-type: text/plain', 'accept: */*', 'content-length: 100'], pieces), { status: 415, id: null });
  assert.deepEqual(await send(['content-type: text/plain', 'accept: */*'], []), { status: 415, id: null });
});
