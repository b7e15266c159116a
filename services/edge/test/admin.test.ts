/** The admin API of an edge over the memory bus, with a worker that says what the test tells it to. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster, type MemoryCluster, type SessionDescription } from '@causeway/cluster';
import type { SessionToken } from '@causeway/protocol';
import { silentLog } from '@causeway/runtime';
import { openEdge, type Edge, type EdgeOptions } from '../src/index.ts';
import { edgeOptions } from './edge-options.ts';
import { obliging, scriptedWorker, type Heard, type ScriptedWorker } from './scripted-worker.ts';

const TOKEN = 'an-admin-token';

interface Setting {
  readonly cluster: MemoryCluster;
  readonly worker: ScriptedWorker;
  readonly edge: Edge;
  readonly sessions: SessionDescription[];
  ask(method: string, path: string, headers?: Record<string, string>): Promise<Told>;
}

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: { readonly error?: { readonly reason: string; readonly [fact: string]: unknown }; readonly [member: string]: unknown };
}

/** With every header in the test's hands, Host too. */
function exchange(url: string, method: string, path: string, headers: Record<string, string>): Promise<Told> {
  return new Promise((resolve, reject) => {
    const call = request(new URL(path, url), { method, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body: JSON.parse(text) as Told['body'] }));
    });
    call.on('error', reject).end();
  });
}

function described(worker: string, id: string, server = 'echo', opened = '2026-11-26T00:00:00.000Z'): SessionDescription {
  return {
    id: id.padEnd(22, 'x') as SessionToken,
    server,
    worker: worker as SessionDescription['worker'],
    epoch: 1,
    state: 'open',
    identity: 'anonymous',
    transport: 'streamable',
    revision: '2025-11-25',
    opened,
    idleMs: 0,
    calls: 0,
    streams: 0,
    pid: 1,
  };
}

const PROCESS = { pid: 7, uptimeMs: 1000, rssBytes: 1 << 20 };

/** A worker that keeps `sessions` as operators see them. */
function keeping(sessions: SessionDescription[]) {
  return (worker: ScriptedWorker, heard: Heard): void => {
    const { head, reply } = heard;
    const say = (body: object): void => worker.say(reply, { t: 'ok' }, JSON.stringify(body));
    const own = sessions.filter((session) => session.worker === worker.id);
    if (head.t === 'list') {
      const found = own.filter(({ server }) => head.server === undefined || head.server === server);
      say({ sessions: found.slice(0, head.limit), total: found.length, process: PROCESS });
    } else if (head.t === 'describe') say({ sessions: own.filter(({ id }) => id.startsWith(head.session)), total: 0, process: PROCESS });
    else if (head.t === 'end') {
      const at = sessions.findIndex(({ id }) => id === head.session);
      if (at < 0) return worker.say(reply, { t: 'no', reason: 'request.session_unknown' });
      sessions.splice(at, 1);
      say({});
    } else if (head.t === 'drain' || head.t === 'resume') {
      worker.stand(head.t === 'drain');
      say({ draining: head.t === 'drain', sessions: own.length });
    } else obliging(worker, heard);
  };
}

async function setting(t: TestContext, change: Partial<EdgeOptions> = {}): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const sessions: SessionDescription[] = [];
  const cluster = stack.use(await openMemoryCluster());
  const worker = stack.use(await scriptedWorker(cluster, keeping(sessions)));
  const admin = { host: '127.0.0.1', port: 0, token: TOKEN } as const;
  const edge = stack.use(await openEdge({ cluster, log: silentLog() }, { ...edgeOptions, admin, ...change }));
  const ask: Setting['ask'] = (method, path, headers = {}) =>
    exchange(edge.admin!.url, method, `/api/v1/${path}`, { authorization: `Bearer ${TOKEN}`, ...headers });
  return { cluster, worker, edge, sessions, ask };
}

const refusal = ({ status, body }: Told): unknown[] => [status, body.error?.reason];

test('without the token nothing is told, whatever the path', async (t) => {
  const { edge, ask } = await setting(t);
  for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, TOKEN])
    for (const path of ['sessions', 'nowhere', 'workers/x/drain']) {
      const told = await ask('GET', path, { authorization });
      assert.deepEqual(refusal(told), [401, 'request.unauthorized'], `${authorization} ${path}`);
      assert.equal(told.headers['www-authenticate'], 'Bearer realm="causeway"');
    }
  const bare = await exchange(edge.admin!.url, 'GET', '/api/v1/sessions', {});
  assert.equal(bare.status, 401);
  assert.equal((await ask('GET', 'sessions', { authorization: `bearer  ${TOKEN}` })).status, 200);
});

test('a foreign Host or Origin is refused before the token is looked at, and no page of another origin is let in', async (t) => {
  const { ask } = await setting(t, { http: { ...edgeOptions.http, cors: { origins: ['*'], headers: [] } } });
  const authorization = 'Bearer wrong';
  assert.deepEqual(refusal(await ask('GET', 'sessions', { host: 'evil.example', authorization })), [403, 'request.host']);
  assert.deepEqual(refusal(await ask('GET', 'sessions', { origin: 'https://evil.example', authorization })), [403, 'request.origin']);
  const local = await ask('GET', 'sessions', { origin: 'http://localhost:5173' });
  assert.deepEqual([local.status, local.headers['access-control-allow-origin']], [200, undefined]);
  assert.deepEqual(refusal(await ask('OPTIONS', 'sessions', { 'access-control-request-method': 'DELETE' })), [405, 'request.method']);
});

test('paths and methods that are not there', async (t) => {
  const { edge, ask } = await setting(t);
  assert.deepEqual(refusal(await ask('GET', 'nope')), [404, 'request.path']);
  assert.deepEqual(refusal(await ask('GET', 'sessions/')), [404, 'request.path']);
  assert.equal((await exchange(edge.admin!.url, 'GET', '/sessions', { authorization: `Bearer ${TOKEN}` })).status, 404);
  const wrong = await ask('PUT', 'sessions/abc');
  assert.deepEqual([refusal(wrong), wrong.headers['allow']], [[405, 'request.method'], 'GET, DELETE']);
  for (const limit of ['x', '-1', '10001', '1e3'])
    assert.deepEqual(refusal(await ask('GET', `sessions?limit=${limit}`)), [400, 'request.invalid']);
});

test('sessions of all workers, the newest first, by server and in number; a worker that is silent is named', async (t) => {
  const { cluster, worker, sessions, ask } = await setting(t);
  await using other = await scriptedWorker(cluster, keeping(sessions));
  sessions.push(
    described(worker.id, 'a', 'echo', '2026-11-26T00:00:01.000Z'),
    described(other.id, 'b', 'echo', '2026-11-26T00:00:02.000Z'),
  );
  sessions.push(described(worker.id, 'c', 'git', '2026-11-26T00:00:03.000Z'));
  const ids = ({ body }: Told): string[] => (body['sessions'] as SessionDescription[]).map(({ id }) => id[0]!);
  const all = await ask('GET', 'sessions');
  assert.deepEqual([ids(all), all.body['total'], all.body['unanswered']], [['c', 'b', 'a'], 3, []]);
  assert.equal(all.headers['content-type'], 'application/json');
  assert.deepEqual(ids(await ask('GET', 'sessions?server=echo')), ['b', 'a']);
  const two = await ask('GET', 'sessions?limit=2');
  assert.deepEqual([ids(two), two.body['total']], [['c', 'b'], 3]);
  other.deafen();
  const some = await ask('GET', 'sessions');
  assert.deepEqual([ids(some), some.body['unanswered']], [['c', 'a'], [other.id]]);
  assert.deepEqual(refusal(await ask('GET', 'sessions/zz')), [503, 'cluster.owner_silent']);
});

test('a session by the beginning of its id; of two owners the later one counts', async (t) => {
  const { cluster, worker, sessions, ask } = await setting(t);
  await using other = await scriptedWorker(cluster, keeping(sessions));
  sessions.push(described(worker.id, 'aa1'), described(worker.id, 'aa2'), { ...described(other.id, 'aa2'), epoch: 2 });
  const one = await ask('GET', 'sessions/aa2');
  assert.deepEqual([one.status, one.body['worker'], one.body['epoch']], [200, other.id, 2]);
  const many = await ask('GET', 'sessions/aa');
  assert.deepEqual(refusal(many), [409, 'request.ambiguous']);
  assert.deepEqual(
    many.body.error!['matches'],
    ['aa1', 'aa2'].map((id) => id.padEnd(22, 'x')),
  );
  for (const id of ['b', 'x'.repeat(23), 'a%20b', '..'])
    assert.deepEqual(refusal(await ask('GET', `sessions/${id}`)), id === '..' ? [404, 'request.path'] : [404, 'request.session_unknown']);
});

test('an end reaches the owner with the whole token; a second one finds nothing', async (t) => {
  const { worker, sessions, ask } = await setting(t);
  sessions.push(described(worker.id, 'aa'));
  const ended = await ask('DELETE', 'sessions/a');
  assert.deepEqual([ended.status, ended.body['state'], ended.body['worker']], [200, 'ended', worker.id]);
  assert.deepEqual(worker.heard.at(-1)?.head, { t: 'end', session: 'aa'.padEnd(22, 'x') });
  assert.deepEqual(refusal(await ask('DELETE', 'sessions/a')), [404, 'request.session_unknown']);
});

test('workers, one of them, drain and resume', async (t) => {
  const { worker, ask } = await setting(t);
  const view = { id: worker.id, host: 'test', version: '0', state: 'ready', sessions: 0, capacity: 10, servers: ['echo'] };
  assert.deepEqual((await ask('GET', 'workers')).body, { workers: [view], bus: 'connected' });
  assert.deepEqual((await ask('GET', `workers/${worker.id.slice(0, 6)}`)).body, { ...view, process: PROCESS });
  const drained = await ask('POST', `workers/${worker.id}/drain`);
  assert.deepEqual([drained.status, drained.body], [200, { ...view, state: 'draining' }]);
  assert.deepEqual((await ask('POST', `workers/${worker.id}/resume`)).body, view);
  assert.deepEqual(refusal(await ask('GET', 'workers/nobody')), [404, 'request.worker_unknown']);
  assert.deepEqual(refusal(await ask('POST', `workers/${'z'.repeat(40)}/drain`)), [404, 'request.worker_unknown']);
  worker.on(({ reply }) => worker.say(reply, { t: 'no', reason: 'cluster.draining' }));
  assert.deepEqual(refusal(await ask('POST', `workers/${worker.id}/resume`)), [503, 'cluster.draining']);
  worker.deafen();
  assert.deepEqual((await ask('GET', `workers/${worker.id}`)).body, { ...view, process: null });
  assert.deepEqual(refusal(await ask('POST', `workers/${worker.id}/drain`)), [503, 'cluster.owner_silent']);
});

test('servers, limits and the cluster', async (t) => {
  const { edge, worker, ask } = await setting(t);
  assert.deepEqual((await ask('GET', 'servers')).body, {
    servers: [{ name: 'echo', default: true, path: null, recovery: 'restart', eras: null, workers: 1, sessions: 0, limit: null }],
    bus: 'connected',
  });
  assert.deepEqual((await ask('GET', 'limits')).body, {
    limits: [
      { scope: 'total', used: 0, max: null },
      { scope: 'server:echo', used: 0, max: null },
      { scope: `worker:${worker.id}`, used: 0, max: 10 },
    ],
    bus: 'connected',
  });
  const cluster = (await ask('GET', 'cluster')).body;
  assert.match(String(cluster['id']), /^[\w-]{12}$/);
  assert.deepEqual(cluster, {
    id: edge.admin!.cluster,
    edge: edge.id,
    kind: 'memory',
    bus: 'connected',
    workers: 1,
    draining: 0,
    sessions: 0,
    capacity: 10,
    servers: 1,
  });
});

test('without a bus: what was last seen is told as such, and nothing is asked', async (t) => {
  const { cluster, worker, ask } = await setting(t);
  cluster.setConnected(false);
  assert.equal((await ask('GET', 'workers')).body['bus'], 'disconnected');
  const refused = await ask('GET', 'sessions');
  assert.deepEqual([refusal(refused), refused.headers['retry-after']], [[503, 'cluster.unavailable'], '2']);
  assert.deepEqual(refusal(await ask('POST', `workers/${worker.id}/drain`)), [503, 'cluster.unavailable']);
});

test('a taken port is exchanged for a free one; a token that nobody gave is made anew; off means no listener', async (t) => {
  await using holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const { edge, cluster } = await setting(t, { admin: { host: '127.0.0.1', port } });
  assert.notEqual(new URL(edge.admin!.url).port, String(port));
  assert.match(edge.admin!.token, /^[\w-]{43}$/);
  const { url, token } = edge.admin!;
  assert.equal((await exchange(url, 'GET', '/api/v1/cluster', { authorization: `Bearer ${token}` })).status, 200);
  await using second = await openEdge({ cluster, log: silentLog() }, { ...edgeOptions, admin: { host: '127.0.0.1', port: 0 } });
  assert.notEqual(second.admin!.token, token);
  assert.equal(second.admin!.cluster, edge.admin!.cluster);
  await using off = await openEdge({ cluster, log: silentLog() }, { ...edgeOptions, admin: { host: '127.0.0.1', port: false } });
  assert.equal(off.admin, undefined);
  await edge[Symbol.asyncDispose]();
  await assert.rejects(exchange(url, 'GET', '/api/v1/cluster', {}), { code: 'ECONNREFUSED' });
});
