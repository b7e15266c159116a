/** What operators ask of a worker, over the bus: a real worker with real children. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  decode,
  encode,
  errorOf,
  openMemoryCluster,
  type AskHead,
  type Cluster,
  type DownHead,
  type SessionsAnswer,
  type StandingAnswer,
  type VerdictHead,
} from '@causeway/cluster';
import { loadConfig, type ServerConfig } from '@causeway/config';
import { ANONYMOUS, CausewayError, identityOf, newEdgeId, type SessionToken } from '@causeway/protocol';
import { silentLog } from '@causeway/runtime';
import { openWorker, type Worker, type WorkerOptions } from '../src/index.ts';

const SCRIPT = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method } = JSON.parse(line);
    const result = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } };
    if (method === 'initialize') console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });`;

const server = (name: string): ServerConfig => ({
  name,
  command: process.execPath,
  args: ['-e', SCRIPT, 'S3CRET'],
  env: { KEY: 'S3CRET' },
  passEnvironment: false,
  shell: false,
  startTimeout: 20_000,
  requestTimeout: 20_000,
  idle: 60_000,
  age: 3_600_000,
  limits: {},
  default: false,
  recovery: 'end',
});

/** As they are by default. */
const { streams } = loadConfig({ value: {}, env: {}, cwd: '/', servers: false }).config;

const options: WorkerOptions = {
  servers: { git: server('git'), time: server('time') },
  limits: { callsPerSession: 64, callsPerIdentity: 256 },
  worker: { grace: 0, capacity: 8, spawnConcurrency: 4, spawnQueue: 8, lineBytes: 1 << 20, stdinBytes: 1 << 20, stdinFrames: 64 },
  streams,
  drain: { timeout: 1000, delay: 0 },
};

async function setting(t: TestContext): Promise<{ cluster: Cluster; worker: Worker }> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster = stack.use(await openMemoryCluster());
  return { cluster, worker: stack.use(await openWorker({ cluster, log: silentLog() }, options)) };
}

async function ask<T>({ cluster, worker }: { cluster: Cluster; worker: Worker }, head: AskHead): Promise<T> {
  const { data } = await cluster.bus.request(cluster.subjects.control(worker.id), encode(head), { deadline: 10_000 });
  const { head: verdict, body } = decode<VerdictHead>(data)!;
  if (verdict.t === 'no') throw errorOf(verdict);
  return JSON.parse(body.toString()) as T;
}

const TAIL = 'ZZZZZZZZZZZZZZZZZZZZ';
const BODY = Buffer.from(
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
);

/** Opens a session as an edge does, and waits for the child's answer to initialize. Rejects with what the worker refuses. */
async function open({ cluster, worker }: { cluster: Cluster; worker: Worker }, name: string, head: string, identity = ANONYMOUS) {
  const token = `${head}${TAIL}`.slice(0, 22) as SessionToken;
  const to = cluster.subjects.stream(newEdgeId(), 'g1');
  const opened = Promise.withResolvers<void>();
  const subscription = await cluster.bus.subscribe(to, ({ kind, data }) => {
    const said = kind === 'data' ? decode<DownHead>(data)?.head : undefined;
    if (said?.t === 'server') opened.resolve();
    else if (said?.t === 'no') opened.reject(errorOf(said));
  });
  const frame = { kind: 'request', method: 'initialize', id: { start: 22, end: 23 } } as const;
  cluster.bus.publish(
    cluster.subjects.open(worker.id),
    encode({ t: 'open', server: name, session: token, identity, stream: 'g1', transport: 'streamable', frame }, BODY),
    to,
  );
  await opened.promise.finally(() => subscription.unsubscribe());
  return token;
}

const refused =
  (reason: string) =>
  (error: unknown): boolean =>
    error instanceof CausewayError && error.reason === reason;

test('sessions are listed, the newest first, without what their commands and environments hold', async (t) => {
  const here = await setting(t);
  const git = await open(here, 'git', 'ga');
  const time = await open(here, 'time', 'ti', identityOf('api-key', 'team'));
  const all = await ask<SessionsAnswer>(here, { t: 'list' });
  assert.deepEqual(
    all.sessions.map(({ id, server: name, state, identity, revision, transport, worker, epoch, calls, streams }) => [
      [id, name, state, identity, revision],
      [transport, worker === here.worker.id, epoch, calls, streams],
    ]),
    [
      [
        [time, 'time', 'open', identityOf('api-key', 'team').slice(0, 8), '2025-06-18'],
        ['streamable', true, 1, 0, 0],
      ],
      [
        [git, 'git', 'open', 'anonymous', '2025-06-18'],
        ['streamable', true, 1, 0, 0],
      ],
    ],
  );
  const [first] = all.sessions;
  assert.ok(process.kill(first!.pid!, 0));
  assert.ok(Math.abs(Date.parse(first!.opened) - Date.now()) < 60_000);
  assert.ok(first!.idleMs >= 0 && first!.idleMs < 60_000);
  assert.equal(all.process.pid, process.pid);
  assert.ok(!JSON.stringify(all).includes('S3CRET'));
  const one = await ask<SessionsAnswer>(here, { t: 'list', server: 'git', limit: 5 });
  assert.deepEqual([one.total, one.sessions.map(({ id }) => id)], [1, [git]]);
  const none = await ask<SessionsAnswer>(here, { t: 'list', limit: 0 });
  assert.deepEqual([none.total, none.sessions], [2, []]);
});

test('a session is found by the beginning of its token', async (t) => {
  const here = await setting(t);
  await open(here, 'git', 'aa1');
  await open(here, 'git', 'aa2');
  const found = async (session: string): Promise<number> => (await ask<SessionsAnswer>(here, { t: 'describe', session })).sessions.length;
  assert.deepEqual([await found('aa'), await found('aa2'), await found('b')], [2, 1, 0]);
});

test('an ended session is gone, child and all, when that is said', async (t) => {
  const here = await setting(t);
  const session = await open(here, 'git', 'ga');
  const pid = (await ask<SessionsAnswer>(here, { t: 'describe', session })).sessions[0]!.pid!;
  await ask(here, { t: 'end', session });
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  assert.equal((await ask<SessionsAnswer>(here, { t: 'list' })).total, 0);
  await assert.rejects(ask(here, { t: 'end', session }), refused('request.session_unknown'));
  assert.equal(await here.cluster.sessions.get(session), undefined);
});

test('a drained worker keeps its sessions and takes no new ones; resumed, it takes them again', async (t) => {
  const here = await setting(t);
  const session = await open(here, 'git', 'ga');
  const changed = (): Promise<void> => new Promise((resolve) => void here.cluster.ledger.onChange(resolve));
  const told = changed();
  assert.deepEqual(await ask<StandingAnswer>(here, { t: 'drain' }), { draining: true, sessions: 1 });
  await told;
  assert.equal(here.cluster.ledger.workers().get(here.worker.id)?.draining, true);
  await assert.rejects(open(here, 'git', 'gb'), refused('cluster.draining'));
  const info = await here.cluster.bus.request(
    here.cluster.subjects.sessionControl(here.worker.id, { token: session, epoch: 1 }),
    encode({ t: 'info', identity: ANONYMOUS }),
    { deadline: 5_000 },
  );
  assert.equal(decode<VerdictHead>(info.data)?.head.t, 'ok');
  assert.deepEqual(await ask<StandingAnswer>(here, { t: 'resume' }), { draining: false, sessions: 1 });
  await open(here, 'git', 'gb');
  await here.worker.drain(0);
  await assert.rejects(ask(here, { t: 'resume' }), refused('cluster.draining'));
});

test('whether a worker is there is answered, with how often it may have lost something', async (t) => {
  const { cluster, worker } = await setting(t);
  const { data } = await cluster.bus.request(cluster.subjects.alive(worker.id), encode({ t: 'alive' }), { deadline: 5_000 });
  assert.deepEqual(decode<DownHead>(data)?.head, { t: 'living', losses: 0 });
  // Who asks quietly hears only from the bus, and only when nobody is there.
  const quiet = cluster.bus.request(cluster.subjects.alive(worker.id), encode({ t: 'alive', quiet: true }), { deadline: 50 });
  await assert.rejects(quiet, { failure: 'timeout' });
});

test('a question of a newer version is refused, and bytes that are none are dropped', async (t) => {
  const here = await setting(t);
  await assert.rejects(ask(here, { t: 'dance' } as unknown as AskHead), refused('request.invalid'));
  const subject = here.cluster.subjects.control(here.worker.id);
  await assert.rejects(here.cluster.bus.request(subject, Buffer.from('x'), { deadline: 50 }), { name: 'BusError' });
  assert.equal((await ask<SessionsAnswer>(here, { t: 'list' })).total, 0);
});
