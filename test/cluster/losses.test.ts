/**
 * What a cluster does without one of its parts: no worker yet, a worker that is told to stop, a worker that is
 * killed, a NATS server that is killed. Every call in flight ends in one answer or one definite error.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { livingWith, openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile, MARK, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, openCall, post, textOf, toolCall, type Hello, type OpenStream } from '../harness/speak.ts';
import { until, within } from '../harness/within.ts';

describe('losses', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let life: Lifeline;
  let cluster: BridgeCluster;
  const joined: Causeway[] = [];

  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    cluster = stack.use(await openBridgeCluster({ edges: 2, workers: 0, servers: {} }));
  });
  after(() => stack.disposeAsync());

  const at = (edge: number) => cluster.url('hostile', edge);
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
  };
  const join = async () => {
    const args = ['--nats', cluster.nats.urls.join(',')];
    const worker = stack.use(
      await openCauseway('worker', { args, mark: cluster.mark, servers: { hostile: hostile({ ...ledger.env, ...life.env }) } }),
    );
    joined.push(worker);
    return worker;
  };
  /** Sessions until each worker has at least one; by worker. */
  async function spread(): Promise<ReadonlyMap<number, readonly Hello[]>> {
    const found = new Map<number, Hello[]>(joined.map(({ pid }) => [pid, []]));
    for (let nth = 0; nth < 40 && [...found.values()].some((sessions) => sessions.length === 0); nth++) {
      const open = await hello(at(nth));
      const { pid } = JSON.parse(textOf((await post(at(nth), toolCall('pid', 'pid'), open.headers)).messages.at(-1))!) as { pid: number };
      const living = await livingWith(MARK, cluster.mark);
      found.get(living.find((one) => one.pid === pid)?.ppid ?? 0)?.push(open);
    }
    return found;
  }

  it('without a worker the answer is a refusal that says so, and a worker that joins is found by every edge', async () => {
    for (const edge of [0, 1]) {
      const answer = await post(at(edge), initialize);
      assert.ok(answer.status === 404 || answer.status === 503, answer.text);
      assert.match(String(answer.messages[0]?.error?.data?.['reason']), /^(server\.unknown|cluster\.no_worker)$/);
    }
    await join();
    await join();
    const sessions = await Promise.all([0, 1].map((edge) => untilKnown(edge)));
    assert.equal(new Set(sessions.map(({ session }) => session)).size, 2);
  });

  /** Records reach an edge by a watch, shortly after they are written: asks until then, each time by a request. */
  async function untilKnown(edge: number): Promise<Hello> {
    return until(10_000, 'a worker that the edge knows of', () =>
      hello(at(edge)).catch((error: Error) => {
        if (!/ (404|503) /.test(error.message)) throw error;
        return undefined;
      }),
    );
  }

  it('kill -9 of a NATS server fails no call of a session that lives', async () => {
    const { headers } = await hello(at(0));
    await using call = await openCall(at(1), toolCall('long', 'progress', { n: 100, ms: 20 }, { progressToken: 1 }), headers);
    await call.message('some progress', ({ method }) => method === 'notifications/progress');
    await cluster.nats.nodes[1]!.kill();
    const answers: number[] = [];
    for (let nth = 0; nth < 20; nth++)
      answers.push((await post(at(nth), toolCall(nth, 'echo', { text: 'x' }), headers)).messages.at(-1)?.error === undefined ? 1 : 0);
    const last = await call.message('an answer or an error', ({ id }) => id === 'long', 30_000);
    const steps = call.messages().flatMap(({ params }) => params?.['progress'] ?? []);
    if (last.error === undefined)
      assert.deepEqual(
        steps,
        Array.from({ length: 100 }, (_, at) => at + 1),
      );
    else assert.equal(last.error.data?.['source'], 'causeway');
    await cluster.nats.nodes[1]!.restart();
    assert.equal(textOf((await post(at(0), toolCall('after', 'echo', { text: 'on' }), headers)).messages.at(-1)), 'on');
  });

  it('kill -9 of a worker: its calls end in definite errors, its children are gone in 5 s, the other serves on', async () => {
    const sessions = await spread();
    const lost = joined.shift()!;
    const kept = joined[0]!;
    const [mine] = sessions.get(lost.pid)!;
    const [theirs] = sessions.get(kept.pid)!;
    assert.ok(mine !== undefined && theirs !== undefined, 'both workers have sessions');
    const calls: OpenStream[] = [];
    for (let nth = 0; nth < 6; nth++)
      calls.push(await openCall(at(nth), toolCall(`c${nth}`, 'never', { nonce: `lost-${nth}` }), mine.headers));
    await using survivor = await openCall(at(0), toolCall('survivor', 'sleep', { ms: 1_500, text: 'alive' }), theirs.headers);
    const children = (await livingWith(MARK, cluster.mark)).filter(({ ppid }) => ppid === lost.pid).map(({ pid }) => pid);
    lost.kill('SIGKILL');
    const { at: died } = await lost.exited;
    for (const pid of children.filter((child) => life.alive.has(child))) await life.died(pid, 5_000);
    const errors = await Promise.all(calls.map((call, nth) => call.message(`an error for c${nth}`, ({ id }) => id === `c${nth}`, 30_000)));
    const ms = performance.now() - died;
    for (const { error } of errors) {
      assert.equal(error?.code, -31502);
      assert.equal(error.data?.['executed'], 'unknown');
    }
    assert.ok(ms < 25_000, `${Math.round(ms)} ms`);
    assert.equal(textOf(await survivor.message('the answer of the other worker', ({ id }) => id === 'survivor')), 'alive');
    const next = await post(at(1), toolCall('next', 'echo', { text: 'x' }), mine.headers, 30_000);
    assert.ok(next.status === 404 || next.status === 503 || next.messages.at(-1)?.id === 'next', `${next.status} ${next.text}`);
    await hello(at(0));
    const nonces = (await ledger.entries()).flatMap(({ nonce }) => nonce ?? []);
    assert.equal(new Set(nonces).size, nonces.length, 'nothing was executed twice');
  });

  it('SIGTERM of a worker: running calls finish, new sessions go elsewhere, nothing is left', async () => {
    const leaving = joined[0]!;
    await join();
    const [mine] = (await spread()).get(leaving.pid)!;
    assert.ok(mine !== undefined);
    await using call = await openCall(at(0), toolCall('running', 'sleep', { ms: 700, text: 'finished' }), mine.headers);
    leaving.kill('SIGTERM');
    assert.equal(textOf(await call.message('the answer', ({ id }) => id === 'running')), 'finished');
    const { code } = await within(15_000, 'the end of the worker', leaving.exited);
    assert.equal(code, 0);
    for (const edge of [0, 1]) await hello(at(edge));
  });
});
