/** Over real sockets: clients that are too slow, that stay after they were told, that are too many, and that try one transport after the other. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as nodeConnect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster } from '@causeway/cluster';
import { newEdgeId } from '@causeway/protocol';
import { createHealth, createWheel, silentLog, systemClock, type Log } from '@causeway/runtime';
import type { EdgeContext } from '../../src/context.ts';
import type { EdgeOptions } from '../../src/index.ts';
import { createServer } from '../../src/http/server.ts';
import { openContext } from '../../src/open-context.ts';
import { bothEnds, type BothEnds } from '../both-ends.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker } from '../scripted-worker.ts';

const QUICK = { head: 200, request: 400, look: 100, linger: 100 };

interface Setting {
  readonly told: EdgeContext['told'];
  readonly url: string;
  readonly warned: readonly unknown[][];
  readonly port: number;
  connect(): Promise<BothEnds>;
}

async function setting(t: TestContext, change: Partial<EdgeOptions['http']> = {}): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const warned: unknown[][] = [];
  const log: Log = { ...silentLog(), warn: (...said: readonly unknown[]) => void warned.push([...said]) };
  const cluster = stack.use(await openMemoryCluster());
  stack.use(await scriptedWorker(cluster, obliging));
  const deps = { id: newEdgeId(), cluster, log, clock: systemClock, wheel: stack.use(createWheel()), random: () => 0.5 };
  const options = { ...edgeOptions, http: { ...edgeOptions.http, ...change } };
  const edge = await openContext(stack, deps, options);
  const server = stack.use(createServer(edge, { health: createHealth() }, QUICK));
  const url = await server.listen(options.listen);
  const port = Number(new URL(url).port);
  return {
    told: edge.told,
    url,
    warned,
    port,
    connect: async () => {
      const ends = await bothEnds(port);
      stack.defer(() => void ends.client.destroy());
      return ends;
    },
  };
}

/** All that a client is told until the other side ends. */
async function told({ client }: BothEnds): Promise<string> {
  let text = '';
  client.on('data', (part: Buffer) => (text += part.toString()));
  const ended = once(client, 'end');
  client.resume();
  await ended;
  return text;
}

/** Resolves when nothing is left of it at the edge, though its client stays. */
async function gone({ socket }: BothEnds): Promise<void> {
  if (!socket.closed) await once(socket, 'close');
}

test(
  'a head, or a body, that does not come in time is refused when its time is over, and its client is not waited for',
  { timeout: 10_000 },
  async (t) => {
    const { connect } = await setting(t);
    const head = [
      'POST /servers/echo/mcp HTTP/1.1',
      'host: 127.0.0.1',
      'content-type: application/json',
      'accept: application/json, text/event-stream',
      'content-length: 9',
    ].join('\r\n');
    for (const sent of ['', head, `${head}\r\n\r\n{`]) {
      const ends = await connect();
      ends.client.write(sent);
      assert.match(await told(ends), /^HTTP\/1\.1 408 /, JSON.stringify(sent));
      await gone(ends);
    }
  },
);

test('what is no HTTP is refused, and its client is not waited for', { timeout: 10_000 }, async (t) => {
  const { connect } = await setting(t);
  const ends = await connect();
  ends.client.write('nonsense\r\n\r\n');
  assert.match(await told(ends), /^HTTP\/1\.1 400 .*request\.header/s);
  await gone(ends);
});

test(
  'what is no HTTP behind a request that is being answered is told nothing, and its client is not waited for',
  { timeout: 10_000 },
  async (t) => {
    const { connect, url, told: failures } = await setting(t);
    const head = (method: string, more: string): string =>
      `${method} /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n${more}\r\n\r\n`;
    const opened = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}',
    });
    await opened.arrayBuffer();
    const session = `mcp-session-id: ${opened.headers.get('mcp-session-id')}`;
    const call = '{"jsonrpc":"2.0","id":2,"method":"tools/list"}';

    const waiting = await connect();
    waiting.client.write(`${head('POST', `${session}\r\ncontent-length: ${call.length}`)}${call}nonsense\r\n\r\n`);
    assert.equal(await told(waiting), '', 'nobody says of a call that runs that it was not executed');
    await gone(waiting);

    const stream = await connect();
    const begun = once(stream.client, 'data');
    stream.client.write(head('GET', session));
    stream.client.resume();
    assert.match(String((await begun)[0]), /^HTTP\/1\.1 200 /);
    stream.client.write('nonsense\r\n\r\n');
    assert.doesNotMatch(await told(stream), /HTTP/, 'an event stream has no second answer in it');
    await gone(stream);

    const refused = await connect();
    refused.client.write(`${head('PUT', 'transfer-encoding: chunked')}3\r\nabc\r\n`);
    const answer = told(refused);
    await once(refused.client, 'data');
    refused.client.write('nonsense\r\n\r\n');
    assert.deepEqual((await answer).match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 405']);
    await gone(refused);
    assert.deepEqual([...failures], [['request.method', 1]]);
  },
);

test('connections beyond the bound are closed unanswered, which is told; one that ends makes room', { timeout: 10_000 }, async (t) => {
  const { port, connect, warned } = await setting(t, { maxConnections: 2 });
  const held = [await connect(), await connect()];
  for (const ends of held) assert.match(await probed(ends), /^HTTP\/1\.1 200 /);
  const more = nodeConnect(port, '127.0.0.1').resume();
  await once(more, 'close');
  assert.equal(more.bytesRead, 0);
  assert.deepEqual(warned, [[{ listener: 'mcp', most: 2, refused: 1 }, 'connections refused: too many']]);
  held[0]!.client.end();
  await gone(held[0]!);
  assert.match(await probed(await connect()), /^HTTP\/1\.1 200 /);
});

async function probed({ client }: BothEnds): Promise<string> {
  const answer = once(client, 'data');
  client.write('GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  client.resume();
  return String((await answer)[0]);
}

test('a POST to a stream of 2024-11-05 is refused without JSON-RPC: its client looks for the older transport then', async (t) => {
  const { url, told } = await setting(t, { paths: { sse: '/events' } });
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  for (const path of ['/sse', '/servers/echo/sse', '/events']) {
    const before = new Map(told).get('request.method') ?? 0;
    const answer = await fetch(url + path, { method: 'POST', headers, body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}' });
    assert.deepEqual([answer.status, answer.headers.get('allow'), answer.headers.get('content-type')], [405, 'GET', 'text/plain'], path);
    assert.doesNotMatch(await answer.text(), /[{}]/);
    assert.equal(new Map(told).get('request.method'), before + 1, 'it counts as any refusal');
  }
  const other = await fetch(`${url}/servers/echo/message`);
  assert.equal(other.headers.get('content-type'), 'application/json');
  assert.equal(other.status, 405);
  await other.arrayBuffer();
});
