/** Over real sockets: what becomes of clients' connections when an edge is about to go. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster } from '@causeway/cluster';
import { silentLog } from '@causeway/runtime';
import { openEdge, type Edge } from '../../src/index.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker, type ScriptedWorker } from '../scripted-worker.ts';

/** Longer than any test: who waits for it hangs. */
const DRAIN = 60_000;

/** One kept connection, which reads as it comes. */
interface Kept {
  ask(message: object, session?: string): void;
  listen(session: string): void;
  /** All that was said since the last look, once it matches. */
  heard(what: RegExp): Promise<string>;
  /** Resolves when the edge has closed it. */
  readonly closed: Promise<unknown>;
}

interface Setting {
  readonly edge: Edge;
  readonly worker: ScriptedWorker;
  connect(): Promise<Kept>;
  open(kept: Kept): Promise<string>;
}

async function setting(t: TestContext): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster = stack.use(await openMemoryCluster());
  const worker = stack.use(await scriptedWorker(cluster, obliging));
  const edge = stack.use(await openEdge({ cluster, log: silentLog() }, edgeOptions));
  return {
    edge,
    worker,
    connect: async () => {
      const socket = connect(Number(new URL(edge.url).port), '127.0.0.1');
      stack.defer(() => void socket.destroy());
      await once(socket, 'connect');
      return kept(socket);
    },
    open: async (one) => {
      one.ask({ jsonrpc: '2.0', id: 0, method: 'initialize', params: {} });
      return /mcp-session-id: (\S+)/i.exec(await one.heard(/"result"/))![1]!;
    },
  };
}

function kept(socket: Socket): Kept {
  let text = '';
  socket.on('data', (part: Buffer) => (text += part.toString()));
  const head = (method: string, session: string | undefined): string =>
    `${method} /servers/echo/mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n${session === undefined ? '' : `mcp-session-id: ${session}\r\n`}`;
  return {
    ask(message, session) {
      const body = JSON.stringify(message);
      socket.write(
        `${head('POST', session)}content-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    },
    listen: (session) => void socket.write(`${head('GET', session)}accept: text/event-stream\r\n\r\n`),
    async heard(what) {
      while (!what.test(text)) await once(socket, 'data');
      const all = text;
      text = '';
      return all;
    },
    closed: once(socket, 'close'),
  };
}

const call = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

test('an edge that is unready answers as before, and every answer is the last of its connection', { timeout: 10_000 }, async (t) => {
  const { edge, connect: dial, open } = await setting(t);
  const [one, another] = [await dial(), await dial()];
  const session = await open(one);
  one.ask(call, session);
  assert.match(await one.heard(/"method"/), /connection: keep-alive/i);
  another.ask(call, session);
  await another.heard(/"method"/);
  edge.unready();
  one.ask(call, session);
  assert.match(await one.heard(/"method"/), /^HTTP\/1\.1 200 .*connection: close/is);
  await one.closed;
  another.ask(call, session);
  assert.match(await another.heard(/"method"/), /^HTTP\/1\.1 200 .*connection: close/is, 'what was idle was not cut');
});

test(
  'an edge that drains begins nothing any more, closes what is idle, and every other connection with its answer',
  { timeout: 10_000 },
  async (t) => {
    const { edge, worker, connect: dial, open } = await setting(t);
    const [idle, late, running, talking, listening] = [await dial(), await dial(), await dial(), await dial(), await dial()];
    const session = await open(idle);
    const replies = new Map<unknown, string>();
    const asked = Promise.withResolvers<void>();
    worker.on(({ head, body, reply }) => {
      if (head.t === 'attach') return worker.say(reply, { t: 'ok', revision: '2025-11-25' });
      if (head.t !== 'client') return;
      replies.set((JSON.parse(body) as typeof call).id, reply!);
      if (replies.size === 2) asked.resolve();
    });
    listening.listen(session);
    assert.match(await listening.heard(/\r\n\r\n/), /connection: keep-alive/i);
    running.ask(call, session);
    talking.ask({ ...call, id: 2 }, session);
    await asked.promise;
    worker.say(replies.get(2), { t: 'server', seq: 1 }, '{"note":1}');
    await talking.heard(/note/);

    const drained = edge.drain(DRAIN);
    await Promise.all([idle.closed, listening.closed]);
    late.ask({ ...call, id: 3 }, session);
    assert.match(await late.heard(/cluster\.draining/), /^HTTP\/1\.1 503 .*connection: close.*"id":3,.*"executed":"no"/is);
    await late.closed;
    worker.say(replies.get(1), { t: 'server', seq: 1, last: true }, '{"answer":1}');
    assert.match(await running.heard(/answer/), /^HTTP\/1\.1 200 .*connection: close/is);
    await running.closed;
    worker.say(replies.get(2), { t: 'server', seq: 2, last: true }, '{"answer":2}');
    await talking.heard(/answer/);
    await Promise.all([talking.closed, drained]);
  },
);
