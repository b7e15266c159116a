import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster, type MemoryCluster } from '@causeway/cluster';
import { ANONYMOUS, type SessionToken } from '@causeway/protocol';
import { silentLog } from '@causeway/runtime';
import { openEdge, type Edge, type EdgeOptions } from '../src/index.ts';
import { edgeOptions } from './edge-options.ts';
import { obliging, scriptedWorker, type ScriptedWorker } from './scripted-worker.ts';

const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

interface Setting {
  readonly cluster: MemoryCluster;
  readonly worker: ScriptedWorker;
  readonly edge: Edge;
  readonly url: string;
  post(message: object, headers?: Record<string, string>): Promise<Response>;
  open(): Promise<Record<string, string>>;
}

async function setting(t: TestContext, change: Partial<EdgeOptions> = {}): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster = stack.use(await openMemoryCluster());
  const worker = stack.use(await scriptedWorker(cluster, obliging));
  const edge = stack.use(await openEdge({ cluster, log: silentLog() }, { ...edgeOptions, ...change }));
  const url = `${edge.url}/servers/echo/mcp`;
  const post = (message: object, headers = {}): Promise<Response> =>
    fetch(url, { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(message) });
  const open = async (): Promise<Record<string, string>> => {
    const answer = await post({ jsonrpc: '2.0', id: 'i', method: 'initialize', params: {} });
    assert.equal(answer.status, 200);
    await answer.arrayBuffer();
    return { 'mcp-session-id': answer.headers.get('mcp-session-id')!, 'mcp-protocol-version': '2025-06-18' };
  };
  return { cluster, worker, edge, url, post, open };
}

const tokenOf = (session: Record<string, string>): SessionToken => session['mcp-session-id']!.slice(21, 43) as SessionToken;

/** Writes the record of a session as its owner would have done. */
async function recorded(cluster: MemoryCluster, worker: ScriptedWorker, session: Record<string, string>): Promise<Record<string, string>> {
  await cluster.sessions.create(tokenOf(session), {
    v: 1,
    server: 'echo',
    identity: ANONYMOUS,
    owner: worker.id,
    epoch: 1,
    revision: '2025-11-25',
    initialize: { params: '{}', result: '{}' },
    created: 0,
    transport: 'streamable',
  });
  return session;
}

interface Told {
  readonly id: unknown;
  readonly error: { readonly code: number; readonly data: { readonly reason: string; readonly executed: string } };
}
async function told(answer: Response): Promise<[number, unknown, string, string]> {
  const { id, error } = (await answer.json()) as Told;
  return [answer.status, id, error.data.reason, error.data.executed];
}

test('a worker that is full sends the open to the next one; with nobody left it is refused with Retry-After', async (t) => {
  const { cluster, worker, post, open } = await setting(t);
  const other = await scriptedWorker(cluster, (self, { reply }) => self.say(reply, { t: 'no', reason: 'limit.worker' }));
  for (let at = 0; at < 8; at++) await open();
  assert.ok(other.heard.length > 0, 'the full one was asked too');
  worker.on(({ reply }) => worker.say(reply, { t: 'no', reason: 'cluster.draining' }));
  const refused = await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} });
  assert.ok(Number(refused.headers.get('retry-after')) >= 1);
  assert.deepEqual(await told(refused), [503, 1, 'limit.worker', 'no']);
  await other[Symbol.asyncDispose]();
});

test('an open that a worker refuses for good is not tried elsewhere', async (t) => {
  const { worker, post } = await setting(t);
  worker.on(({ reply }) => worker.say(reply, { t: 'no', reason: 'server.start_failed', facts: { exitCode: 3 } }));
  assert.deepEqual(await told(await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })), [
    503,
    1,
    'server.start_failed',
    'no',
  ]);
  assert.equal(worker.heard.length, 1);
});

test('a call to an owner that is gone: 404 without a record; else it goes to whoever takes the session over', async (t) => {
  const { cluster, worker, post, open } = await setting(t);
  const [session, another] = [await open(), await recorded(cluster, worker, await open())];
  worker.deafen();
  assert.deepEqual(await told(await post({ jsonrpc: '2.0', id: 1, method: 'a' }, session)), [404, 1, 'request.session_unknown', 'no']);
  // Nobody else serves it, and its record stands: it may be back in a moment.
  assert.deepEqual(await told(await post({ jsonrpc: '2.0', id: 1, method: 'a' }, another)), [503, 1, 'cluster.owner_silent', 'no']);
  await using taker = await scriptedWorker(cluster, obliging);
  taker.on((heard) => {
    if (heard.head.t === 'restore') taker.say(heard.reply, { t: 'ok', place: { owner: taker.id, epoch: 2 } });
    else obliging(taker, heard);
  });
  await new Promise((resolve) => setImmediate(resolve));
  const answer = await post({ jsonrpc: '2.0', id: 2, method: 'b' }, another);
  assert.deepEqual(await answer.json(), { jsonrpc: '2.0', id: 2, result: { method: 'b' } });
  const [claim, call] = taker.heard;
  assert.deepEqual(claim?.head.t === 'restore' && claim.head.from, { owner: worker.id, epoch: 1 });
  assert.equal(call?.head.t, 'client');
  await (await post({ jsonrpc: '2.0', id: 3, method: 'c' }, another)).arrayBuffer();
  assert.equal(taker.heard.filter(({ head }) => head.t === 'restore').length, 1, 'what was learnt is remembered');
});

test('a session whose record is not found is not called unknown while nothing new is heard of the stores', async (t) => {
  const { cluster, worker, post, open } = await setting(t);
  const session = await open();
  worker.deafen();
  let whole = false;
  Object.defineProperty(cluster.ledger, 'whole', { get: () => whole });
  const call = { jsonrpc: '2.0', id: 1, method: 'a' };
  assert.deepEqual(await told(await post(call, session)), [503, 1, 'cluster.owner_silent', 'no']);
  const wasRemoved = cluster.sessions.wasRemoved.bind(cluster.sessions);
  cluster.sessions.wasRemoved = (token) => {
    whole = true;
    return wasRemoved(token);
  };
  assert.deepEqual(
    await told(await post(call, session)),
    [503, 1, 'cluster.owner_silent', 'no'],
    'something new came after the record was read',
  );
  assert.deepEqual(await told(await post(call, session)), [404, 1, 'request.session_unknown', 'no']);
});

test('a call whose owner is lost meanwhile is answered: the result is unknown', async (t) => {
  const { worker, post, open } = await setting(t);
  const session = await open();
  const asked = Promise.withResolvers<void>();
  worker.on(() => asked.resolve());
  const answer = post({ jsonrpc: '2.0', id: '', method: 'a' }, session);
  await asked.promise;
  await worker.vanish();
  assert.deepEqual(await told(await answer), [200, '', 'cluster.owner_lost', 'unknown']);
});

test('a session with nothing but a running call has its next owner made when nobody is found at this one, before the call is given up', async (t) => {
  const { cluster, worker, post, open } = await setting(t);
  const session = await recorded(cluster, worker, await open());
  await using taker = await scriptedWorker(cluster, obliging);
  taker.stand(true);
  const asked = Promise.withResolvers<void>();
  worker.on(({ head }) => head.t === 'client' && asked.resolve());
  let given = false;
  const answer = post({ jsonrpc: '2.0', id: 1, method: 'a' }, session).finally(() => (given = true));
  await asked.promise;
  const claimed = Promise.withResolvers<boolean>();
  taker.on((heard) => {
    if (heard.head.t !== 'restore') return obliging(taker, heard);
    claimed.resolve(given);
    taker.say(heard.reply, { t: 'ok', place: { owner: taker.id, epoch: 2 } });
  });
  taker.stand(false);
  worker.deafen();
  assert.equal(await claimed.promise, false);
  assert.deepEqual(await told(await answer), [200, 1, 'cluster.owner_lost', 'unknown']);
  const next = await post({ jsonrpc: '2.0', id: 2, method: 'b' }, session);
  assert.deepEqual(await next.json(), { jsonrpc: '2.0', id: 2, result: { method: 'b' } });
  assert.equal(taker.heard.filter(({ head }) => head.t === 'restore').length, 1);
});

test('a call to an owner that is silent goes to whoever has the session by its record; while it stands nobody is asked', async (t) => {
  const { cluster, worker, post, open } = await setting(t);
  const session = await recorded(cluster, worker, await open());
  worker.on(() => undefined);
  assert.deepEqual(await told(await post({ jsonrpc: '2.0', id: 1, method: 'a' }, session)), [200, 1, 'cluster.owner_lost', 'unknown']);
  const before = worker.heard.filter(({ head }) => head.t === 'client').length;
  assert.deepEqual(await told(await post({ jsonrpc: '2.0', id: 2, method: 'b' }, session)), [503, 2, 'cluster.owner_silent', 'no']);
  await using taker = await scriptedWorker(cluster, obliging);
  const { record, revision } = (await cluster.sessions.get(tokenOf(session)))!;
  await cluster.sessions.replace(tokenOf(session), { ...record, owner: taker.id, epoch: 2 }, revision);
  const answer = await post({ jsonrpc: '2.0', id: 3, method: 'c' }, session);
  assert.deepEqual(await answer.json(), { jsonrpc: '2.0', id: 3, result: { method: 'c' } });
  assert.equal(worker.heard.filter(({ head }) => head.t === 'client').length, before, 'nothing goes to one that is silent');
});

test('a worker that may be there is told how far a call was heard that was given up, and again after a lost connection', async (t) => {
  const { cluster, worker, post, open } = await setting(t);
  const session = await open();
  worker.on(({ head, reply }) => {
    if (head.t !== 'client') return;
    worker.say(reply, { t: 'server', seq: 1 }, '{"jsonrpc":"2.0","method":"notifications/x"}');
  });
  const answer = await post({ jsonrpc: '2.0', id: 1, method: 'a' }, session);
  assert.match(await answer.text(), /cluster\.owner_lost/);
  const told = () => worker.heard.flatMap(({ head }) => (head.t === 'detach' ? [head.heard] : []));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told(), [1]);
  cluster.bus.setConnected(false);
  cluster.bus.setConnected(true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told(), [1, 1]);
});

test('an open that may have been lost with a connection is sent again, to the same worker and for the same session', async (t) => {
  const { cluster, worker, post } = await setting(t);
  const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} };
  const reconnect = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    cluster.bus.setConnected(false);
    cluster.bus.setConnected(true);
  };
  const first = Promise.withResolvers<void>();
  worker.on(() => first.resolve());
  const answer = post(initialize);
  await first.promise;
  worker.on((heard) => obliging(worker, heard));
  await reconnect();
  assert.equal((await answer).status, 200);
  const tokens = worker.heard.map(({ head }) => head.t === 'open' && head.session);
  assert.deepEqual([tokens.length, new Set(tokens).size], [2, 1]);
  // A no to the second is one to both.
  const second = Promise.withResolvers<void>();
  worker.on(() => second.resolve());
  const refused = post(initialize);
  await second.promise;
  worker.on(({ reply }) => worker.say(reply, { t: 'no', reason: 'limit.server', retryAfter: 2 }));
  await reconnect();
  assert.deepEqual(await told(await refused), [503, 1, 'limit.server', 'no']);
  // Should the worker take the other one after all, what comes of it is to end.
  await new Promise((resolve) => setImmediate(resolve));
  const { head: last } = worker.heard.at(-1)!;
  assert.equal(last.t, 'close');
});

test('while the bus is away everything is refused at once and nothing is published', async (t) => {
  const { cluster, worker, post, open } = await setting(t);
  const session = await open();
  const before = worker.heard.length;
  cluster.bus.setConnected(false);
  assert.deepEqual(await told(await post({ jsonrpc: '2.0', id: 1, method: 'a' }, session)), [503, 1, 'cluster.unavailable', 'no']);
  assert.deepEqual(await told(await post({ jsonrpc: '2.0', method: 'notifications/x' }, session)), [
    503,
    null,
    'cluster.unavailable',
    'no',
  ]);
  cluster.bus.setConnected(true);
  assert.equal(worker.heard.length, before);
  assert.equal((await post({ jsonrpc: '2.0', id: 1, method: 'a' }, session)).status, 200);
});

test('what is refused causes no message', async (t) => {
  const { worker, url, post, open } = await setting(t);
  const session = await open();
  const before = worker.heard.length;
  const strange = { ...session, 'mcp-session-id': `1${'A'.repeat(63)}` };
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  const cases: [Promise<Response>, number, string][] = [
    [post(ping, strange), 404, 'request.session_unknown'],
    [post(ping), 400, 'request.session_missing'],
    [post(ping, { ...session, 'mcp-protocol-version': '1999-01-01' }), 400, 'request.version'],
    [post([ping], session), 400, 'request.invalid'],
    [post({ ...ping, method: 'x'.repeat(5000) }, session), 413, 'request.too_large'],
    [post(ping, { ...session, origin: 'http://evil.example' }), 403, 'request.origin'],
    [post(ping, { ...session, accept: 'application/json' }), 406, 'request.accept'],
    [post(ping, { ...session, 'content-type': 'text/plain' }), 415, 'request.content_type'],
    [fetch(url, { method: 'PUT', headers: session }), 405, 'request.method'],
    [fetch(url, { headers: { ...session, accept: 'text/event-stream', 'last-event-id': 'nonsense' } }), 400, 'request.event_id'],
    [fetch(url.replace('echo', 'ecco'), { headers: { accept: 'text/event-stream' } }), 404, 'server.unknown'],
  ];
  for (const [answer, status, reason] of cases) {
    const [gotStatus, , gotReason, executed] = await told(await answer);
    assert.deepEqual([gotStatus, gotReason, executed], [status, reason, 'no']);
  }
  assert.equal(worker.heard.length, before);
});

test('an answer that comes first and alone is JSON; a message before it makes a stream', async (t) => {
  const { worker, post, open } = await setting(t);
  const session = await open();
  const plain = await post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, session);
  assert.equal(plain.headers.get('content-type'), 'application/json');
  assert.deepEqual(await plain.json(), { jsonrpc: '2.0', id: 1, result: { method: 'tools/list' } });
  worker.on(({ reply }) => {
    worker.say(reply, { t: 'server', seq: 1 }, '{"note":1}');
    worker.say(reply, { t: 'server', seq: 2, last: true }, '{"answer":2}');
  });
  const stream = await post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, session);
  assert.equal(stream.headers.get('content-type'), 'text/event-stream');
  assert.match(
    await stream.text(),
    /^event: message\nid: \w+\.1\ndata: \{"note":1\}\n\nevent: message\nid: \w+\.2\ndata: \{"answer":2\}\n\n$/,
  );
});

test('at 2025-11-25 a call that may talk begins with a priming event, and no earlier revision sees one', async (t) => {
  const { post, open } = await setting(t);
  const session = await open();
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } };
  const primed = await (await post(call, { ...session, 'mcp-protocol-version': '2025-11-25' })).text();
  assert.match(primed, /^id: \w+\.0\nretry: 1000\ndata: \n\nevent: message\nid: \w+\.1\ndata: /);
  assert.equal((await post(call, session)).headers.get('content-type'), 'application/json');
});

test('a client that comes back for a call that is over is told so, and by a worker that cannot say it gets what it got before', async (t) => {
  const { worker, url, open } = await setting(t);
  const session = await open();
  const back = async (): Promise<[number, string]> => {
    const answer = await fetch(url, { headers: { ...session, accept: 'text/event-stream', 'last-event-id': 'p1.1' } });
    return [answer.status, await answer.text()];
  };
  worker.on(({ reply }) => {
    worker.say(reply, { t: 'ok', complete: true });
    worker.say(reply, { t: 'end', why: 'complete' });
  });
  assert.deepEqual(await back(), [204, '']);
  worker.on(({ reply }) => worker.say(reply, { t: 'no', reason: 'request.event_id', complete: true }));
  assert.deepEqual(await back(), [204, '']);
  worker.on(({ reply }) => {
    worker.say(reply, { t: 'ok' });
    worker.say(reply, { t: 'end', why: 'complete' });
  });
  assert.deepEqual(await back(), [200, '']);
});

test('the id says which revision the server chose; a worker that does not tell is taken for one of 2025-03-26', async (t) => {
  const { worker, post } = await setting(t);
  const open = async (revision?: string): Promise<Record<string, string>> => {
    worker.on((heard) => {
      if (heard.head.t !== 'open') return obliging(worker, heard);
      const head = { t: 'server', seq: 1, last: true, opened: true, ...(revision === undefined ? {} : { revision }) } as const;
      worker.say(heard.reply, head, '{"jsonrpc":"2.0","id":0,"result":{}}');
    });
    const params = { protocolVersion: '2025-11-25' };
    const answer = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
    await answer.arrayBuffer();
    return { 'mcp-session-id': answer.headers.get('mcp-session-id')! };
  };
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } };
  const status = async (message: object, headers: Record<string, string>): Promise<number> => (await post(message, headers)).status;
  for (const [revision, digit, primed, batches] of [
    ['2025-11-25', '3', true, 400],
    ['2025-03-26', '1', false, 200],
    ['2024-10-07', '9', false, 400],
    [undefined, '-', false, 200],
  ] as const) {
    const session = await open(revision);
    assert.equal(session['mcp-session-id']![20], digit);
    const { headers } = await post(call, session);
    assert.equal(headers.get('content-type') === 'text/event-stream', primed, `an event without data: ${revision}`);
    assert.equal(await status([call], session), batches, `batches: ${revision}`);
    const old = { ...session, 'mcp-protocol-version': '2024-10-07' };
    assert.equal(await status(call, old), revision?.startsWith('2025') ? 400 : 200, `2024-10-07: ${revision}`);
  }
});

test('a client that leaves a stream is told to the owner as leaving, not as cancelling', async (t) => {
  const { worker, url, open } = await setting(t);
  const session = await open();
  const [asked, left] = [Promise.withResolvers<string>(), Promise.withResolvers<object>()];
  worker.on(({ head, reply }) => {
    if (head.t === 'client') asked.resolve(reply!);
    else left.resolve(head);
  });
  const abort = new AbortController();
  const call = fetch(url, {
    method: 'POST',
    signal: abort.signal,
    headers: { ...JSON_HEADERS, ...session },
    body: '{"jsonrpc":"2.0","id":1,"method":"a"}',
  });
  const to = await asked.promise;
  abort.abort();
  await assert.rejects(call);
  const { t: word, to: where } = (await left.promise) as { t: string; to: string };
  assert.deepEqual([word, where], ['detach', to]);
});

test('without a key that fits nobody gets in', async (t) => {
  const sha256 = '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'; // "secret"
  const { post, open } = await setting(t, { auth: { ...edgeOptions.auth, apiKeys: [{ id: 'a', sha256 }] } });
  const ping = { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} };
  const refused = await post(ping);
  assert.match(refused.headers.get('www-authenticate') ?? '', /^Bearer /);
  assert.equal((await told(refused))[2], 'request.unauthorized');
  assert.equal((await post(ping, { 'x-api-key': 'secret' })).status, 200);
  await assert.rejects(open());
});

test('a drain ends as soon as what runs is answered', async (t) => {
  const { worker, post, open, edge } = await setting(t);
  const session = await open();
  const asked = Promise.withResolvers<string>();
  worker.on(({ reply }) => asked.resolve(reply!));
  const running = post({ jsonrpc: '2.0', id: 1, method: 'a' }, session);
  const to = await asked.promise;
  edge.unready();
  assert.ok(!edge.ready());
  const drained = edge.drain(60_000);
  worker.say(to, { t: 'server', seq: 1, last: true }, '{"answer":1}');
  assert.deepEqual(await (await running).json(), { answer: 1 });
  await drained;
});

for (const [form, before] of [
  ['an answer', []],
  ['a stream with an answer', ['{"note":1}']],
] as const)
  test(`a drain waits until a client has taken ${form}`, async (t) => {
    const { worker, post, open, edge } = await setting(t);
    const session = await open();
    const large = `"${'x'.repeat(16_000_000)}"`;
    worker.on(({ reply }) => {
      for (const note of before) worker.say(reply, { t: 'server', seq: 1 }, note);
      worker.say(reply, { t: 'server', seq: 1 + before.length, last: true }, large);
    });
    const answer = await post({ jsonrpc: '2.0', id: 1, method: 'a' }, session);
    let over = false;
    const drained = edge.drain(60_000).finally(() => (over = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(!over, 'most of it waits in the edge');
    assert.ok((await answer.text()).includes(large));
    await drained;
  });

/** A GET that goes on with what has this id. */
const resume = (url: string, session: Record<string, string>, last?: string): Promise<Response> =>
  fetch(url, { headers: { ...session, accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) } });

test('a drain waits for a call that was resumed by a GET as for any; streams of no call are sent away at once', async (t) => {
  const { worker, url, open, edge } = await setting(t);
  const session = await open();
  const attached: string[] = [];
  worker.on(({ head, reply }) => {
    if (head.t !== 'attach') return;
    attached.push(reply!);
    worker.say(reply, { t: 'ok' });
  });
  const listening = await resume(url, session);
  const resumed = await resume(url, session, `${edge.id}_0.1`);
  const slow = Promise.withResolvers<string>();
  worker.on(({ reply }) => slow.resolve(reply!));
  const attaching = resume(url, session, `${edge.id}_1.1`);
  const late = await slow.promise;
  let over = false;
  const drained = edge.drain(60_000).finally(() => (over = true));
  assert.equal(await listening.text(), 'retry: 1000\n\n');
  // Its owner says yes only now.
  worker.say(late, { t: 'ok' });
  worker.say(attached[1], { t: 'server', seq: 2, last: true }, '{"answer":1}');
  assert.match(await resumed.text(), /\{"answer":1\}/);
  assert.ok(!over, 'one is to come');
  worker.say(late, { t: 'server', seq: 2, last: true }, '{"answer":2}');
  assert.match(await (await attaching).text(), /\{"answer":2\}/);
  await drained;
});

test('a call that was resumed and has no answer when the time of a drain is over is sent away to come back', async (t) => {
  const { worker, url, open, edge } = await setting(t);
  const session = await open();
  worker.on(({ head, reply }) => head.t === 'attach' && worker.say(reply, { t: 'ok' }));
  const resumed = await resume(url, session, `${edge.id}_0.1`);
  const left = Promise.withResolvers<string>();
  let over = false;
  worker.on(({ head }) => head.t === 'detach' && left.resolve(over ? 'at the end' : 'before'));
  const drained = edge.drain(500);
  await new Promise((resolve) => setImmediate(resolve));
  over = true;
  await drained;
  await edge[Symbol.asyncDispose]();
  assert.equal(await resumed.text(), 'retry: 1000\n\n');
  assert.equal(await left.promise, 'at the end');
});

test('a call that has no answer when the time of a drain is over is sent away to come back, or told that nothing is known of it', async (t) => {
  const { worker, post, open, edge } = await setting(t);
  const session = await open();
  const [asked, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const words: string[] = [];
  worker.on(({ head, reply }) => {
    words.push(head.t);
    if (words.length === 4) left.resolve();
    if (head.t !== 'client') return;
    worker.say(reply, { t: 'ok' });
    if (words.length === 2) asked.resolve();
  });
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} };
  const resumable = await post(call, { ...session, 'mcp-protocol-version': '2025-11-25' });
  const plain = post(call, session);
  await asked.promise;
  await edge.drain(200);
  await edge[Symbol.asyncDispose]();
  assert.match(await resumable.text(), /^id: \S+_\S+\.0\nretry: 1000\ndata: \n\nretry: 1000\n\n$/);
  const { id, error } = (await (await plain).json()) as Told;
  assert.deepEqual([id, error.data.reason, error.data.executed], [1, 'cluster.owner_lost', 'unknown']);
  await left.promise;
  assert.deepEqual(words, ['client', 'client', 'detach', 'detach']);
});

/** A 2024-11-05 stream, and what has come on it. */
async function sse(edge: Edge): Promise<{ readonly session: string; readonly message: string; rest(): Promise<string> }> {
  const stream = await fetch(`${edge.url}/servers/echo/sse`);
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  const { value: first = '' } = await reader.read();
  const session = /sessionId=(\S+)/.exec(first)![1]!;
  const rest = async (): Promise<string> => {
    let text = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
    return text;
  };
  return { session, message: `${edge.url}/servers/echo/message?sessionId=${session}`, rest };
}

test('an edge that leaves while there is no bus asks the owner of a 2024-11-05 stream to finish what runs when the bus is back', async (t) => {
  const { cluster, worker, edge } = await setting(t);
  let to: string | undefined;
  worker.on((heard) => {
    if (heard.head.t === 'open') to = heard.reply;
    obliging(worker, heard);
  });
  const stream = await sse(edge);
  worker.say(to, { t: 'pending', call: 7, id: '1', due: 60_000 });
  worker.on(({ head, reply }) => {
    if (head.t !== 'retire') return;
    worker.say(reply, { t: 'ok' });
    worker.say(to, { t: 'server', seq: 1, call: 7 }, '{"answer":1}');
    worker.say(to, { t: 'end', why: 'session_ended' });
  });
  cluster.setConnected(false);
  const drained = edge.drain(1_000);
  cluster.setConnected(true);
  assert.match(await stream.rest(), /\{"answer":1\}/);
  await drained;
});

for (const how of ['its owner is lost', 'its edge has to go'])
  test(`a call whose 2024-11-05 stream ends before its answer, since ${how}, is told that nothing is known of it`, async (t) => {
    const { worker, edge } = await setting(t);
    let to: string | undefined;
    worker.on((heard) => {
      if (heard.head.t === 'open') to = heard.reply;
      obliging(worker, heard);
    });
    const stream = await sse(edge);
    worker.say(to, { t: 'pending', call: 7, id: '"a"', due: 60_000 });
    worker.on(() => undefined);
    const gone = how === 'its owner is lost' ? worker.vanish().then(() => worker.deafen()) : edge.drain(200);
    const text = await stream.rest();
    assert.match(text, /"id":"a","error":.*"reason":"cluster\.owner_lost","executed":"unknown"/);
    await gone;
  });

test('a stream that is attached only once its edge leaves is sent away at once; so is a call’s that goes on as another stream', async (t) => {
  const { cluster, worker, url, open, edge } = await setting(t);
  const session = await recorded(cluster, worker, await open());
  const slow = Promise.withResolvers<string>();
  let to: string | undefined;
  worker.on(({ head, reply }) => {
    if (head.t !== 'attach') return;
    if (head.after === undefined) return slow.resolve(reply!);
    to = reply;
    worker.say(reply, { t: 'ok' });
  });
  const resumed = await resume(url, session, `${edge.id}_0.1`);
  const attaching = resume(url, session);
  const late = await slow.promise;
  const drained = edge.drain(60_000);
  worker.say(late, { t: 'ok' });
  assert.equal(await (await attaching).text(), 'retry: 1000\n\n');
  const next = { owner: worker.id, epoch: 2 };
  worker.on(({ head, reply }) => worker.say(reply, head.t === 'restore' ? { t: 'ok', place: next } : { t: 'ok' }));
  worker.say(to, { t: 'end', why: 'moved' });
  assert.equal(await resumed.text(), 'retry: 1000\n\n');
  await drained;
});

test('a stream that lost frames on the way asks for them, and passes on each once', async (t) => {
  const { worker, post, open } = await setting(t);
  const session = await open();
  const asked = Promise.withResolvers<object>();
  worker.on(({ head, reply }) => {
    if (head.t === 'attach') {
      asked.resolve(head);
      worker.say(reply, { t: 'ok' });
      for (const seq of [1, 2]) worker.say(reply, { t: 'server', seq }, `{"n":${seq}}`);
      worker.say(reply, { t: 'server', seq: 3, last: true }, '{"n":3}');
    } else {
      worker.say(reply, { t: 'server', seq: 1 }, '{"n":1}');
      worker.say(reply, { t: 'server', seq: 3, last: true }, '{"n":3}');
    }
  });
  const text = await (await post({ jsonrpc: '2.0', id: 1, method: 'a' }, session)).text();
  assert.deepEqual(
    [...text.matchAll(/"n":(\d)/g)].map(([, n]) => n),
    ['1', '2', '3'],
  );
  assert.equal(((await asked.promise) as { after: number }).after, 1);
});

test('a 2024-11-05 stream ends when a message has made its session a next owner, which knows nothing of the calls before', async (t) => {
  const { cluster, worker, edge } = await setting(t);
  const { session, message, rest } = await sse(edge);
  const post = (body: object): Promise<Response> => fetch(message, { method: 'POST', headers: JSON_HEADERS, body: JSON.stringify(body) });
  assert.equal((await post({ jsonrpc: '2.0', id: 1, method: 'slow' })).status, 202);
  await recorded(cluster, worker, { 'mcp-session-id': session });
  const taker = await scriptedWorker(cluster, (self, { head, reply }) => {
    if (head.t === 'restore' || head.t === 'forget') self.say(reply, { t: 'ok', place: { owner: self.id, epoch: 2 } });
    else if (head.t === 'attach') self.say(reply, { t: 'ok' });
    else obliging(self, { head, body: '', reply });
  });
  t.after(() => taker[Symbol.asyncDispose]());
  worker.deafen();
  assert.equal((await post({ jsonrpc: '2.0', method: 'notifications/x' })).status, 202);
  await rest();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(
    taker.heard.some(({ head }) => head.t === 'close'),
    'the session ends with its stream',
  );
});
