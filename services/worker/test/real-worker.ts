/** Owns a real worker with real children in one process, and an edge's words to it. */
import type { TestContext } from 'node:test';
import { decode, encode, errorOf, openMemoryCluster, type AskHead, type Cluster, type DownHead, type VerdictHead } from '@causeway/cluster';
import { loadConfig, type ServerConfig } from '@causeway/config';
import { ANONYMOUS, CausewayError, newEdgeId, type SessionToken } from '@causeway/protocol';
import { silentLog } from '@causeway/runtime';
import { openWorker, type Worker, type WorkerDeps, type WorkerOptions } from '../src/index.ts';

const SCRIPT = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method, params } = JSON.parse(line);
    if (params?.clientInfo?.name === 'poison') process.exit(1);
    const result = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } };
    if (method === 'initialize') console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
    if (method === 'ping' && id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result: { at: Date.now() } }));
  });`;

/** A server that logs where it should speak. */
const NOISE = `
  console.error('no licence');
  for (let nth = 0; nth < 150; nth++) console.log('INFO bean ' + nth + ' created');
  process.stdin.resume();`;

/** A server whose answers are no JSON. */
const GARBLED = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    console.log('{"jsonrpc":"2.0","id":' + JSON.stringify(JSON.parse(line).id) + ',"result":{"capabilities":undefined}}');
  });`;

const server = (name: string, recovery: ServerConfig['recovery'] = 'end'): ServerConfig => ({
  name,
  command: process.execPath,
  args: ['-e', SCRIPT, 'S3CRET'],
  env: { KEY: 'S3CRET' },
  passEnvironment: false,
  noNewPrivileges: true,
  shell: false,
  startTimeout: 20_000,
  requestTimeout: 20_000,
  idle: 60_000,
  age: 3_600_000,
  limits: {},
  sharing: 'per-session',
  warm: 0,
  pool: { max: 16, idle: 300_000, parked: 180_000 },
  default: false,
  era: 'auto',
  recovery,
});

/** As they are by default. */
const { streams } = loadConfig({ value: {}, env: {}, cwd: '/', servers: false }).config;

const options: WorkerOptions = {
  diagnostics: { tools: 0 },
  servers: {
    git: server('git'),
    time: server('time'),
    lasting: server('lasting', 'restart'),
    broken: { ...server('broken'), command: '/nowhere' },
    garbled: { ...server('garbled'), era: 'legacy', args: ['-e', GARBLED] },
    noisy: { ...server('noisy'), era: 'legacy', args: ['-e', NOISE] },
  },
  limits: { callsPerSession: 64, callsPerIdentity: 256 },
  worker: { grace: 0, capacity: 8, spawnConcurrency: 4, spawnQueue: 8, lineBytes: 1 << 20, stdinBytes: 1 << 20, stdinFrames: 64 },
  streams,
  drain: { timeout: 1000, delay: 0 },
};

export interface Setting {
  readonly cluster: Cluster;
  readonly worker: Worker;
}

interface Given extends Pick<WorkerDeps, 'health' | 'machine'> {
  readonly cluster?: Cluster;
}

export async function setting(t: TestContext, given: Given = {}): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster = stack.use(given.cluster ?? (await openMemoryCluster()));
  return { cluster, worker: stack.use(await openWorker({ ...given, cluster, log: silentLog() }, options)) };
}

/** What an operator asks. Rejects with what the worker refuses. */
export async function ask<T>({ cluster, worker }: Setting, head: AskHead): Promise<T> {
  const { data } = await cluster.bus.request(cluster.subjects.control(worker.id), encode(head), { deadline: 10_000 });
  const { head: verdict, body } = decode<VerdictHead>(data)!;
  if (verdict.t === 'no') throw errorOf(verdict);
  return JSON.parse(body.toString()) as T;
}

const TAIL = 'ZZZZZZZZZZZZZZZZZZZZ';
export const INITIALIZE = Buffer.from(
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
);

/** The servers here exit when they read it. */
export const POISON = Buffer.from(INITIALIZE.toString().replace('"t"', '"poison"'));

/** Opens a session as an edge does, and waits for the child's answer to initialize. Rejects with what the worker refuses. */
export async function open({ cluster, worker }: Setting, name: string, head: string, identity = ANONYMOUS, initialize = INITIALIZE) {
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
    encode({ t: 'open', server: name, session: token, identity, stream: 'g1', transport: 'streamable', frame }, initialize),
    to,
  );
  await opened.promise.finally(() => subscription.unsubscribe());
  return token;
}

/** The same over HTTP+SSE: it is open without a word of its client. Its edge is there until the test is over. */
export async function openSse(t: TestContext, { cluster, worker }: Setting, name: string, session: string): Promise<void> {
  const edge = newEdgeId();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const subscription = await cluster.bus.subscribe(cluster.subjects.edgeAll(edge), ({ data }) => {
    const said = decode<DownHead>(data)?.head;
    if (said?.t === 'ok') resolve();
    else if (said?.t === 'no') reject(errorOf(said));
  });
  t.after(() => subscription.unsubscribe());
  const token = `${session}${TAIL}`.slice(0, 22) as SessionToken;
  const head = { t: 'open', server: name, session: token, identity: ANONYMOUS, stream: 'g1', transport: 'sse' } as const;
  cluster.bus.publish(cluster.subjects.open(worker.id), encode(head), cluster.subjects.stream(edge, 'g1'));
  await promise;
}

export const refused =
  (reason: string) =>
  (error: unknown): boolean =>
    error instanceof CausewayError && error.reason === reason;
