/** Batches of 2025-03-26 of which the worker takes some messages and refuses others. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster, type DownHead, type MemoryClusterOptions } from '@causeway/cluster';
import { ANONYMOUS, type SessionToken } from '@causeway/protocol';
import { silentLog } from '@causeway/runtime';
import { openEdge } from '../../src/index.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker, type Heard, type ScriptedWorker } from '../scripted-worker.ts';

const BUSY: DownHead = { t: 'no', reason: 'server.busy', retryAfter: 7 };
const request = (id: string, more = {}) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'x', ...more } });
const note = (method = 'notifications/x') => ({ jsonrpc: '2.0', method });

interface Message {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly data: { readonly reason: string; readonly executed: string } };
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  /** Of each id its result, or how it failed. */
  readonly told: Readonly<Record<string, unknown>>;
}

interface Setting {
  readonly worker: ScriptedWorker;
  /** Has the worker do this with each message, by its name: the id of a request, the method of anything else. */
  on(script: (name: string, heard: Heard) => void): void;
  send(...batch: object[]): Promise<Answer>;
}

async function setting(t: TestContext, options: MemoryClusterOptions = {}): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster = stack.use(await openMemoryCluster(options));
  const worker = stack.use(await scriptedWorker(cluster, obliging));
  const edge = stack.use(await openEdge({ cluster, log: silentLog() }, edgeOptions));
  const post = (body: object, headers = {}): Promise<Response> =>
    fetch(`${edge.url}/servers/echo/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      body: JSON.stringify(body),
    });
  worker.on((heard) => {
    const head = { t: 'server', seq: 1, last: true, opened: true, revision: '2025-03-26' } as const;
    worker.say(heard.reply, head, '{"jsonrpc":"2.0","id":0,"result":{}}');
  });
  const opened = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-03-26' } });
  await opened.arrayBuffer();
  const id = opened.headers.get('mcp-session-id')!;
  await cluster.sessions.create(id.slice(21, 43) as SessionToken, {
    v: 1,
    server: 'echo',
    identity: ANONYMOUS,
    owner: worker.id,
    epoch: 1,
    revision: '2025-03-26',
    initialize: { params: '{}', result: '{}' },
    created: 0,
    transport: 'streamable',
  });
  return {
    worker,
    on: (script) =>
      worker.on((heard) => {
        if (heard.head.t !== 'client') return;
        const { id: asked, method } = JSON.parse(heard.body) as { id?: string; method: string };
        script(asked ?? method, heard);
      }),
    send: async (...batch) => answerOf(await post(batch, { 'mcp-session-id': id })),
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const stream = response.headers.get('content-type') === 'text/event-stream';
  const parsed = stream ? [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data!) as Message) : JSON.parse(text || '[]');
  const told = ([parsed].flat() as Message[]).map(({ id, result, error }) => [
    id,
    result ?? `${error!.data.reason}, executed ${error!.data.executed}`,
  ]);
  return { status: response.status, retryAfter: response.headers.get('retry-after'), told: Object.fromEntries(told) };
}

/** Answers a request as a worker does that has taken it. */
function result(worker: ScriptedWorker, { head, reply }: Heard, id: string, { seq = 1, last = true } = {}): void {
  const index = head.t === 'client' ? head.batch!.index : 0;
  const body = JSON.stringify({ jsonrpc: '2.0', id, result: 'ran' });
  worker.say(reply, { t: 'server', seq, index, ...(last ? { last } : {}) }, body);
}

test('a message without an answer that is refused fails no request of its batch', async (t) => {
  const { worker, on, send } = await setting(t);
  for (const batch of [
    [request('a'), note()],
    [note(), request('a')],
  ]) {
    let taken: Heard | undefined;
    on((name, heard) => {
      if (name === 'a') taken = heard;
      else worker.say(heard.reply, BUSY);
      // The answer comes after every word about the others.
      if (worker.heard.at(-1)!.body === JSON.stringify(batch[1])) setImmediate(() => result(worker, taken!, 'a'));
    });
    assert.deepEqual(await send(...batch), { status: 200, retryAfter: null, told: { a: 'ran' } });
  }
});

test('the messages of a batch come to the worker in their order', async (t) => {
  const { worker, on, send } = await setting(t);
  const order: string[] = [];
  on((name, heard) => {
    order.push(name);
    if (name.startsWith('n')) worker.say(heard.reply, { t: 'ok' });
    else result(worker, heard, name, { seq: name === 'a' ? 1 : 2, last: name === 'b' });
  });
  assert.equal((await send(note('n/1'), request('a'), note('n/2'), request('b'), note('n/3'))).status, 200);
  assert.deepEqual(order, ['n/1', 'a', 'n/2', 'b', 'n/3']);
});

test('a request that is refused while something else of its batch was taken fails alone, and not the POST', async (t) => {
  const { worker, on, send } = await setting(t);
  on((name, { reply }) => worker.say(reply, name === 'a' ? BUSY : { t: 'ok' }));
  const refused = { status: 200, retryAfter: null, told: { a: 'server.busy, executed no' } };
  assert.deepEqual(await send(note(), request('a')), refused);
  assert.deepEqual(await send(request('a'), note()), refused, 'it is waited for');
});

test('a batch of which nothing was taken is refused as a whole', async (t) => {
  const { worker, on, send } = await setting(t);
  on((_name, { reply }) => worker.say(reply, BUSY));
  const all = [[request('a')], [request('a'), note()], [note(), request('a')]];
  for (const batch of all)
    assert.deepEqual(await send(...batch), { status: 503, retryAfter: '7', told: { a: 'server.busy, executed no' } });
  const { status, retryAfter } = await send(request('a'), request('b'), note());
  assert.deepEqual([status, retryAfter], [503, '7']);
});

test('of several requests those that were taken are answered by their own answers, whichever word comes first', async (t) => {
  const { worker, on, send } = await setting(t);
  const told = { a: 'server.busy, executed no', b: 'ran', c: 'ran' };
  for (const late of [false, true]) {
    let refused: string | undefined;
    on((name, heard) => {
      if (name === 'a' && late) refused = heard.reply;
      else if (name === 'a') worker.say(heard.reply, BUSY);
      // It still waits for the answer to `a`.
      else result(worker, heard, name, { seq: name === 'b' ? 1 : 2, last: false });
      if (name === 'c' && refused !== undefined) worker.say(refused, BUSY);
    });
    assert.deepEqual(await send(request('a'), request('b'), request('c')), { status: 200, retryAfter: null, told });
  }
  on((_name, { reply }) => worker.say(reply, { t: 'ok' }));
  await send(note());
  assert.ok(
    worker.heard.some(({ head }) => head.t === 'detach' && head.heard === 2),
    'its stream is not waited for',
  );
});

test('what was refused before all of a batch could be sent is not said of what was sent', async (t) => {
  const { worker, on, send } = await setting(t, { limits: { maxMessageBytes: 500 } });
  on((name, heard) => result(worker, heard, name));
  const large = { text: 'x'.repeat(600) };
  const unknown = 'cluster.owner_unheard, executed unknown';
  assert.deepEqual(await send(request('a'), request('b', large)), { status: 200, retryAfter: null, told: { a: unknown, b: unknown } });
  const before = worker.heard.length;
  const whole = await send(request('a', large), request('b'));
  assert.equal(whole.status, 413);
  assert.equal(worker.heard.length, before);
});

test('a batch without requests of which some was taken is not said to be refused as a whole', async (t) => {
  const { worker, on, send } = await setting(t);
  on((name, { reply }) => worker.say(reply, name === 'n/1' ? { t: 'ok' } : BUSY));
  const told = async (...batch: object[]) => Object.values((await send(...batch)).told);
  assert.deepEqual(await told(note('n/1'), note('n/2')), ['cluster.owner_unheard, executed unknown']);
  assert.deepEqual(await told(note('n/2'), note('n/1')), ['server.busy, executed no']);
});

test('all of a batch goes to the next owner', async (t) => {
  const { worker, on, send } = await setting(t);
  const taken: string[] = [];
  worker.on((heard) => {
    const { head, body, reply } = heard;
    if (head.t === 'client') return worker.say(reply, { t: 'no', reason: 'cluster.moved' });
    if (head.t !== 'restore') return;
    on((name, again) => {
      taken.push(name);
      if (name === 'a') result(worker, again, name);
      else worker.say(again.reply, { t: 'ok' });
    });
    worker.say(reply, { t: 'ok', place: { owner: worker.id, epoch: 2 } }, body);
  });
  assert.deepEqual(await send(note('n/1'), request('a'), note('n/2')), { status: 200, retryAfter: null, told: { a: 'ran' } });
  assert.deepEqual(taken.toSorted(), ['a', 'n/1', 'n/2']);
});
