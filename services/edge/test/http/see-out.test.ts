/** Over real sockets, in a time of their own: clients that do not read what has ended, and others that take their time. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as overHttp, type IncomingMessage } from 'node:http';
import { request as overTls } from 'node:https';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { openMemoryCluster } from '@causeway/cluster';
import { newEdgeId } from '@causeway/protocol';
import { createHealth, fakeTime, silentLog, type FakeTime } from '@causeway/runtime';
import { createServer } from '../../src/http/server.ts';
import { openContext } from '../../src/open-context.ts';
import { bothEnds, type BothEnds } from '../both-ends.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker, type ScriptedWorker } from '../scripted-worker.ts';

const STALL = 30_000;
const LOOK = 5_000;
const PATH = '/servers/echo/mcp';
const MANY = 12 * 1024 * 1024;
const LARGE = `"${'x'.repeat(MANY)}"`;
const NOTE = '{"note":1}';

interface Setting {
  readonly time: FakeTime;
  readonly worker: ScriptedWorker;
  readonly session: Readonly<Record<string, string>>;
  /** A connection that has sent the request and reads nothing. */
  ask(method: 'GET' | 'POST', more?: Readonly<Record<string, string>>): Promise<BothEnds>;
}

const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

const MADE = join(import.meta.dirname, '../../../../test/fixtures/tls');
const TLS = { certFile: join(MADE, 'server.pem'), keyFile: join(MADE, 'server.key') };
const ca = readFileSync(join(MADE, 'ca.pem'));

async function setting(t: TestContext, tls?: typeof TLS): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const time = fakeTime();
  const cluster = stack.use(await openMemoryCluster());
  const worker = stack.use(await scriptedWorker(cluster, obliging));
  const deps = { id: newEdgeId(), cluster, log: silentLog(), random: () => 0.5, ...time };
  const listen = { ...edgeOptions.listen, ...(tls && { tls }) };
  const server = stack.use(createServer(await openContext(stack, deps, { ...edgeOptions, listen }), { health: createHealth() }));
  const url = new URL(await server.listen(listen));
  const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const body = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}';
  const open = (tls ? overTls : overHttp)(new URL(PATH, url), { method: 'POST', headers: accept, agent: false, ca }).end(body);
  const [opened] = (await once(open, 'response')) as [IncomingMessage];
  await once(opened.resume(), 'close');
  // TLS takes nothing at once.
  await turns();
  const session = { 'mcp-session-id': String(opened.headers['mcp-session-id']), 'mcp-protocol-version': '2025-06-18' };
  const ask = async (method: 'GET' | 'POST', more: Readonly<Record<string, string>> = {}): Promise<BothEnds> => {
    const ends = await bothEnds(Number(url.port));
    stack.defer(() => void ends.client.destroy());
    const client = tls ? connect({ socket: ends.client, ca, servername: 'localhost' }) : ends.client;
    client.write(request(method, method === 'POST' ? call(2) : '', { host: url.host, ...session, ...more }));
    return { client, socket: ends.socket };
  };
  return { time, worker, session, ask };
}

const call = (id: number): string => JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list' });

function request(method: 'GET' | 'POST', body: string, headers: Readonly<Record<string, string>>): string {
  const accept = method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream';
  const all = { accept, ...(body === '' ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) }), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${PATH} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** Resolves once what is written waits at the edge's end, and the kernel takes no more. */
async function full({ socket }: BothEnds): Promise<void> {
  while (queuedAt(socket) === 0) await turns();
  for (let queued = -1; queued !== queuedAt(socket); await turns()) queued = queuedAt(socket);
}

const queuedAt = (socket: Socket): number => (socket as unknown as { _handle: { writeQueueSize: number } })._handle.writeQueueSize;

/** That it is destroyed when nothing has moved for its time, and not sooner. */
async function assertLetGo(time: FakeTime, asked: BothEnds): Promise<void> {
  await full(asked);
  time.advance(STALL - 1);
  await turns();
  assert.ok(!asked.socket.destroyed, 'it has its time');
  // What was taken after the end was movement, if there was any.
  time.advance(1 + LOOK);
  assert.ok(asked.socket.destroyed, 'then it is let go');
  await once(asked.socket, 'close');
}

/** Reads until the edge's end moves between one look and the next, twice; then all of the rest. */
async function readSlowly(time: FakeTime, asked: BothEnds): Promise<string> {
  const { client, socket } = asked;
  let text = '';
  const read = (): void => void (text += ((client.read() as Buffer | null) ?? '').toString('latin1'));
  for (let look = 0; look < 2; look += 1) {
    await full(asked);
    const before = queuedAt(socket);
    for (; queuedAt(socket) === before; await new Promise((resolve) => setImmediate(resolve))) read();
    time.advance(STALL);
    assert.ok(!socket.destroyed, 'it moves');
  }
  for (; !/"(\n\n\r\n0\r\n\r\n)?$/.test(text.slice(-16)); await new Promise((resolve) => setImmediate(resolve))) read();
  return text;
}

/** Whoever attaches is sent more than a socket takes. */
function flood(worker: ScriptedWorker): void {
  worker.on(({ head, reply }) => {
    if (head.t !== 'attach') return;
    worker.say(reply, { t: 'ok' });
    worker.say(reply, { t: 'server', seq: 1 }, LARGE);
  });
}

for (const [over, tls] of [
  ['', undefined],
  [', over TLS', TLS],
] as const) {
  test(`an answer in JSON that is not read is let go, and its memory with it${over}`, async (t) => {
    const { time, worker, ask } = await setting(t, tls);
    const idle = time.wheel.size;
    worker.on(({ reply }) => worker.say(reply, { t: 'server', seq: 1, last: true }, LARGE));
    await assertLetGo(time, await ask('POST'));
    assert.equal(time.wheel.size, idle, 'nobody looks any more');
  });
}

test('a stream that has ended with an answer, or with its session, is let go when it is not read', async (t) => {
  const { time, worker, ask } = await setting(t);
  const idle = time.wheel.size;
  worker.on(({ reply }) => {
    worker.say(reply, { t: 'server', seq: 1 }, NOTE);
    worker.say(reply, { t: 'server', seq: 2, last: true }, LARGE);
  });
  await assertLetGo(time, await ask('POST'));
  worker.on(({ head, reply }) => {
    if (head.t !== 'attach') return;
    worker.say(reply, { t: 'ok' });
    worker.say(reply, { t: 'server', seq: 1 }, LARGE);
    worker.say(reply, { t: 'end', why: 'session_ended' });
  });
  await assertLetGo(time, await ask('GET'));
  assert.equal(time.wheel.size, idle, 'nobody looks any more');
});

test('a stream that was sent away is let go when its word to come back is not read', async (t) => {
  const { time, worker, ask } = await setting(t);
  flood(worker);
  const asked = await ask('GET', { 'mcp-protocol-version': '2025-11-25' });
  await full(asked);
  time.advance(15 * 60_000);
  await assertLetGo(time, asked);
});

test('a client of a revision that may not come back is not sent away', async (t) => {
  const { time, worker, ask } = await setting(t);
  const idle = time.wheel.size;
  const asked = await ask('GET', { 'mcp-protocol-version': '2025-06-18' });
  while (!worker.heard.some(({ head }) => head.t === 'attach')) await turns();
  time.advance(60 * 60_000);
  await turns();
  assert.ok(!asked.socket.destroyed);
  asked.client.destroy();
  while (time.wheel.size > idle) await turns();
});

test('a stream that has not ended is not watched here', async (t) => {
  const { time, worker, ask } = await setting(t);
  flood(worker);
  const asked = await ask('GET');
  await full(asked);
  time.advance(5 * STALL);
  assert.ok(!asked.socket.destroyed);
});

for (const [form, notes, tls] of [
  ['JSON', 0, undefined],
  ['an event stream', 1, undefined],
  ['JSON, over TLS', 0, TLS],
  ['an event stream, over TLS', 1, TLS],
] as const) {
  test(`a client that takes its time has all of its answer: ${form}`, async (t) => {
    const { time, worker, ask } = await setting(t, tls);
    const idle = time.wheel.size;
    worker.on(({ reply }) => {
      if (notes > 0) worker.say(reply, { t: 'server', seq: 1 }, NOTE);
      worker.say(reply, { t: 'server', seq: 1 + notes, last: true }, LARGE);
    });
    const asked = await ask('POST');
    const text = await readSlowly(time, asked);
    const body = text.slice(text.indexOf('\r\n\r\n')).replaceAll(/^id: .*$/gm, '');
    assert.equal(body.length - body.replaceAll('x', '').length, MANY);
    await turns();
    assert.equal(time.wheel.size, idle, 'nobody looks any more');
    time.advance(5 * STALL);
    assert.ok(!asked.socket.destroyed, 'the connection is kept');
  });
}

test('an answer that the socket takes at once is not watched', async (t) => {
  const { time, ask } = await setting(t);
  const idle = time.wheel.size;
  const { wheel } = time;
  const after = wheel.after.bind(wheel);
  const waits: number[] = [];
  wheel.after = (ms, fn) => {
    waits.push(ms);
    return after(ms, fn);
  };
  const { client } = await ask('POST');
  client.resume();
  await once(client, 'data');
  await turns();
  assert.ok(!waits.includes(LOOK));
  assert.equal(wheel.size, idle);
});

test('an answer that waits behind a call that runs is let be', async (t) => {
  const { time, worker, ask, session } = await setting(t);
  const asked = Promise.withResolvers<string>();
  worker.on(({ head, body, reply }) => {
    if (head.t !== 'client') return;
    if (body === call(2)) return asked.resolve(reply!);
    worker.say(reply, { t: 'server', seq: 1, last: true }, '{"answer":3}');
  });
  const { client, socket } = await ask('POST');
  client.write(request('POST', call(3), { host: '127.0.0.1', ...session }));
  const to = await asked.promise;
  while (worker.heard.filter(({ head }) => head.t === 'client').length < 2) await turns();
  await turns();
  for (let look = 0; look < 3; look += 1) time.advance(STALL);
  assert.ok(!socket.destroyed);
  client.resume();
  const got = once(client, 'data');
  worker.say(to, { t: 'server', seq: 1, last: true }, '{"answer":2}');
  assert.match(String((await got)[0]), /\{"answer":2\}|"id":2/);
});
