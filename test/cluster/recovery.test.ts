/**
 * Sessions that outlive their worker: killed, stopped past its lease, cut off, told to leave. The next message is
 * served by a new child elsewhere, one epoch on; streams and subscriptions go on; nothing runs twice.
 */
import { encode } from '@causeway/cluster';
import type { WorkerId } from '@causeway/protocol';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { livingWith, openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openLedger, type Ledger } from '../harness/ledger.ts';
import { hostile, MARK, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, openCall, openStream, post, postAgain, textOf, toolCall, type Headers, type Hello } from '../harness/speak.ts';
import { openObserver, stands } from '../harness/observer.ts';
import { until, within } from '../harness/within.ts';

/** Milliseconds from the death of a worker to the first answer of the next. */
const RECOVERED = 5_000;

describe('recovery', () => {
  const stack = new AsyncDisposableStack();
  let life: Lifeline;
  let ledger: Ledger;
  let cluster: BridgeCluster;
  const workers: Causeway[] = [];

  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    ledger = stack.use(openLedger());
    cluster = stack.use(await openBridgeCluster({ edges: 3, workers: 0, servers: {} }));
  });
  beforeEach(async () => {
    while (workers.length < 2) workers.push(await join());
    for (const edge of [0, 1, 2]) await known(edge);
  });
  afterEach(() => {
    for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  });
  after(() => stack.disposeAsync());

  const at = (edge: number, server = 'hostile') => cluster.url(server, edge);
  const env = () => ({ ...ledger.env, ...life.env });
  const join = async () =>
    stack.use(
      await openCauseway('worker', {
        args: ['--nats', cluster.nats.urls.join(',')],
        mark: cluster.mark,
        servers: { hostile: hostile(env()), ending: hostile(env(), { recovery: 'end' }) },
      }),
    );
  /** Until the edge knows that somebody serves. */
  async function known(edge: number): Promise<void> {
    const { headers } = await until(10_000, 'somebody who serves', () => hello(at(edge)).catch(() => undefined));
    await fetch(at(edge), { method: 'DELETE', headers });
  }
  async function pidOf(headers: Headers, edge = 0, server = 'hostile'): Promise<number> {
    const answer = await postAgain(at(edge, server), toolCall('pid', 'pid'), headers);
    const text = textOf(answer.messages.at(-1));
    assert.ok(text !== undefined, `${answer.status} ${answer.text}`);
    return (JSON.parse(text) as { pid: number }).pid;
  }
  async function ownerOf(headers: Headers, server = 'hostile'): Promise<{ worker: Causeway; child: number }> {
    const child = await pidOf(headers, 0, server);
    const ppid = (await livingWith(MARK, cluster.mark)).find(({ pid }) => pid === child)?.ppid;
    return { worker: workers.find(({ pid }) => pid === ppid)!, child };
  }
  const epochOf = async (child: number): Promise<string | undefined> =>
    /CAUSEWAY_CHILD=[^/]+\/[^/]+\/(\d+)@/.exec(await readFile(`/proc/${child}/environ`, 'utf8'))?.[1];
  const lose = (worker: Causeway): Causeway => workers.splice(workers.indexOf(worker), 1)[0]!;

  async function fresh(server = 'hostile'): Promise<Hello> {
    return hello(at(0, server));
  }

  it('kill -9: calls in flight are unknown within 4 s; the next message has a new child, one epoch on, within 5 s', async () => {
    const { headers } = await fresh();
    const { worker, child } = await ownerOf(headers);
    const first = await ownerOf((await fresh()).headers);
    assert.equal(await epochOf(child), '1');
    await using call = await openCall(at(1), toolCall('lost', 'never', { nonce: 'once' }), headers);
    await ledger.next('the call', ({ nonce }) => nonce === 'once');
    await using stream = await openStream(at(2), { headers });
    lose(worker).kill('SIGKILL');
    const { at: died } = await worker.exited;
    const next = pidOf(headers, 1);
    const error = await call.message('the error', ({ id }) => id === 'lost');
    assert.ok(performance.now() - died < 4_000, `${Math.round(performance.now() - died)} ms until the error`);
    assert.deepEqual(
      [error.error?.code, error.error?.data?.['reason'], error.error?.data?.['executed']],
      [-31502, 'cluster.owner_lost', 'unknown'],
    );
    const second = await next;
    const ms = Math.round(performance.now() - died);
    assert.ok(ms < RECOVERED, `${ms} ms until the next answer`);
    assert.notEqual(second, child);
    assert.equal(await epochOf(second), '2');
    const warned = await stream.message('the warning', ({ method }) => method === 'notifications/message');
    assert.equal(warned.params?.['level'], 'warning');
    for (const list of ['tools', 'prompts', 'resources'])
      await stream.message(`that ${list} may have changed`, ({ method }) => method === `notifications/${list}/list_changed`);
    // The stream goes on with the new child.
    await post(at(0), toolCall('n', 'notify', { method: 'notifications/message', params: { level: 'info', data: 'on' } }), headers);
    await stream.message('what the new child says', ({ params }) => params?.['data'] === 'on');
    const ids = stream.events.items.flatMap(({ id }) => (id === undefined || id === '' ? [] : [id]));
    assert.equal(new Set(ids).size, ids.length, 'no event id twice');
    assert.equal((await ledger.entries()).filter(({ nonce }) => nonce === 'once').length, 1);
    console.log(`# recovery: error after ${Math.round(performance.now() - died)} ms at most, next answer after ${ms} ms`);
    assert.ok(first.child > 0);
  });

  it('kill -9 while nobody uses the session: its next message, when the owner has long been unheard, has a new child within 5 s', async () => {
    const { headers } = await fresh();
    const { worker, child } = await ownerOf(headers);
    lose(worker).kill('SIGKILL');
    const { at: died } = await worker.exited;
    // Longer than a heartbeat may be late for its worker to count as heard.
    await new Promise((resolve) => setTimeout(resolve, died + 8_000 - performance.now()));
    const asked = performance.now();
    assert.notEqual(await pidOf(headers, 1), child);
    const ms = Math.round(performance.now() - asked);
    assert.ok(ms < RECOVERED, `${ms} ms until the answer`);
  });

  it('what the client had asked for stands: level and subscriptions are asked again', async () => {
    const { headers } = await fresh();
    const { worker } = await ownerOf(headers);
    await post(at(0), { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'file:///a' } }, headers);
    await post(at(1), { jsonrpc: '2.0', id: 2, method: 'resources/subscribe', params: { uri: 'file:///b' } }, headers);
    await post(at(2), { jsonrpc: '2.0', id: 3, method: 'resources/unsubscribe', params: { uri: 'file:///a' } }, headers);
    await post(at(0), { jsonrpc: '2.0', id: 4, method: 'logging/setLevel', params: { level: 'debug' } }, headers);
    // The record is written beside the answer.
    await stands(
      cluster,
      headers,
      ({ level = '', subscriptions }) => level.includes('debug') && !subscriptions.join().includes('file:///a'),
    );
    lose(worker).kill('SIGKILL');
    await worker.exited;
    const child = await pidOf(headers, 1);
    const heard = (await ledger.entries()).filter(({ pid }) => pid === child).map(({ method }) => method);
    assert.deepEqual(heard.slice(0, 5), ['START', 'initialize', 'notifications/initialized', 'logging/setLevel', 'resources/subscribe']);
    assert.equal(heard.filter((method) => method === 'resources/subscribe').length, 1);
  });

  it('a server that may not be started again: 404 at every edge, and DELETE of a lost session is a DELETE', async () => {
    const [ending, closing] = [await fresh('ending'), await fresh()];
    const { worker } = await ownerOf(ending.headers, 'ending');
    lose(worker).kill('SIGKILL');
    await worker.exited;
    for (const edge of [0, 1, 2]) assert.equal((await postAgain(at(edge, 'ending'), toolCall(1, 'echo'), ending.headers)).status, 404);
    assert.equal((await fetch(at(1), { method: 'DELETE', headers: closing.headers })).status, 200);
    for (const edge of [0, 1, 2]) assert.equal((await post(at(edge), toolCall(1, 'echo'), closing.headers)).status, 404);
  });

  it('many edges and messages at once make one new child', async () => {
    const { headers } = await fresh();
    const { worker } = await ownerOf(headers);
    const before = await ledger.starts();
    lose(worker).kill('SIGKILL');
    await worker.exited;
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, nth) => postAgain(at(nth), toolCall(nth, 'echo', { text: `t${nth}`, nonce: `many-${nth}` }), headers)),
    );
    for (const [nth, answer] of answers.entries()) assert.equal(textOf(answer.messages.at(-1)), `t${nth}`, answer.text);
    assert.equal((await ledger.starts()) - before, 1);
    const nonces = (await ledger.entries()).flatMap(({ nonce }) => (nonce?.startsWith('many-') ? [nonce] : []));
    assert.equal(new Set(nonces).size, nonces.length);
  });

  it('SIGTERM: the running call finishes, idle sessions go on elsewhere, no call fails, and the process ends with 0', async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => fresh()));
    const { worker } = await ownerOf(sessions[0]!.headers);
    await using stream = await openStream(at(2), { headers: sessions[0]!.headers });
    await using running = await openCall(at(1), toolCall('running', 'sleep', { ms: 1_000, text: 'finished' }), sessions[0]!.headers);
    lose(worker).kill('SIGTERM');
    const failures: string[] = [];
    const load = sessions.map(async ({ headers }, nth) => {
      for (let call = 0; call < 10; call++) {
        const answer = await post(at(nth + call), toolCall(call, 'echo', { text: 'x', nonce: `drain-${nth}-${call}` }), headers, 20_000);
        if (textOf(answer.messages.at(-1)) !== 'x') failures.push(`${answer.status} ${answer.text}`);
      }
    });
    assert.equal(textOf(await running.message('the answer', ({ id }) => id === 'running')), 'finished');
    await Promise.all(load);
    assert.deepEqual(failures, []);
    assert.equal((await within(15_000, 'the end of the worker', worker.exited)).code, 0);
    await post(
      at(0),
      toolCall('n', 'notify', { method: 'notifications/message', params: { level: 'info', data: 'on' } }),
      sessions[0]!.headers,
    );
    await stream.message('what the new child says', ({ params }) => params?.['data'] === 'on');
    const nonces = (await ledger.entries()).flatMap(({ nonce }) => (nonce?.startsWith('drain-') ? [nonce] : []));
    assert.equal(nonces.length, 60);
    assert.equal(new Set(nonces).size, 60);
  });

  it('a worker that leaves still answers when its record says that it has left', async () => {
    await using observer = await openObserver(cluster);
    const { ledger, bus } = observer;
    const left = (): WorkerId | undefined => [...ledger.workers().values()].find((record) => record.left)?.worker;
    const said = new Promise<WorkerId>((resolve) => ledger.onChange(() => left() !== undefined && resolve(left()!)));
    const leaving = lose(workers[0]!);
    leaving.kill('SIGTERM');
    const worker = await within(10_000, 'the record', said);
    const answer = await bus.request(observer.subjects.alive(worker), encode({ t: 'alive' }), { deadline: 5_000 });
    assert.equal(answer.kind, 'data');
    assert.equal((await within(15_000, 'the end of the worker', leaving.exited)).code, 0);
  });

  it('a worker that was stopped past its lease and goes on runs nothing late and nothing twice', async () => {
    const { headers } = await fresh();
    const { worker, child } = await ownerOf(headers);
    process.kill(worker.pid, 'SIGSTOP');
    const stuck = post(at(1), toolCall('stuck', 'echo', { text: 'late', nonce: 'stopped' }), headers, 60_000);
    const unknown = (await stuck).messages.at(-1);
    assert.equal(unknown?.error?.data?.['executed'], 'unknown', JSON.stringify(unknown));
    // The lease is over for everybody after 20 s.
    const next = await within(40_000, 'the next owner', untilAnswered(headers));
    assert.notEqual(next, child);
    process.kill(worker.pid, 'SIGCONT');
    await life.died(child, 10_000);
    assert.equal(await pidOf(headers, 2), next, 'the session stays where it is');
    assert.equal((await ledger.entries()).filter(({ nonce }) => nonce === 'stopped').length, 0, 'nothing runs late');
  });

  async function untilAnswered(headers: Headers): Promise<number> {
    for (let edge = 0; ; edge++) {
      const answer = await post(at(edge), toolCall('pid', 'pid'), headers, 30_000);
      const text = textOf(answer.messages.at(-1));
      if (text !== undefined) return (JSON.parse(text) as { pid: number }).pid;
      assert.ok(answer.messages.at(-1)?.error?.data?.['retryable'], answer.text);
    }
  }
});
