/** What an operator does to a cluster: two edges, two workers, one NATS server; either edge answers for all of it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openOperator, type Operator } from '../harness/operator.ts';
import { hostile } from '../harness/processes.ts';
import { assertRefused } from '../harness/refusal.ts';
import { hello, post, textOf, toolCall, type Headers, type Hello } from '../harness/speak.ts';
import { until } from '../harness/within.ts';

interface Session {
  readonly id: string;
  readonly worker: string;
  readonly pid: number;
}

interface Sessions {
  readonly sessions: readonly Session[];
  readonly total: number;
  readonly unanswered: readonly string[];
}

interface Worker {
  readonly id: string;
  readonly state: string;
  readonly sessions: number;
  readonly process: { readonly pid: number } | null;
}

describe('operations on a cluster', () => {
  const stack = new AsyncDisposableStack();
  let operator: Operator;
  let life: Lifeline;
  let cluster: BridgeCluster;
  /** Admin listeners of the edges. */
  let admins: readonly string[];
  before(async () => {
    operator = stack.use(await openOperator());
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    cluster = stack.use(
      await openBridgeCluster({
        servers: { hostile: hostile(life.env) },
        edges: 2,
        workers: 2,
        nats: 1,
        config: { admin: { port: 0 } },
        env: operator.env,
      }),
    );
    admins = cluster.edges.map(({ logs }) => String(logs.items.find(({ msg }) => msg === 'listening')!['admin']));
  });
  after(() => stack.disposeAsync());

  const at = (edge: number) => cluster.url('hostile', edge);
  const list = async (...args: readonly string[]): Promise<Sessions> =>
    (await operator.run('sessions', 'ls', '--format', 'json', ...args)).json() as Sessions;
  const workers = async (): Promise<readonly Worker[]> =>
    ((await operator.run('workers', 'ls', '--format', 'json')).json() as { workers: Worker[] }).workers;
  const describeWorker = async (id: string): Promise<Worker> =>
    (await operator.run('workers', 'get', id, '--format', 'json')).json() as Worker;
  const pidOf = async (headers: Headers): Promise<number> =>
    (JSON.parse(textOf((await post(at(0), toolCall('pid', 'pid'), headers)).messages.at(-1))!) as { pid: number }).pid;
  const open = (n: number): Promise<readonly Hello[]> => Promise.all(Array.from({ length: n }, (_, nth) => hello(at(nth))));
  const close = (opened: readonly Hello[]) => Promise.all(opened.map(({ headers }, nth) => fetch(at(nth), { method: 'DELETE', headers })));

  it('the sessions of every worker are listed, the same at each edge, which are known as one bridge', async () => {
    const opened = await open(6);
    const pids = new Set(await Promise.all(opened.map(({ headers }) => pidOf(headers))));
    assert.equal((await operator.files()).length, 2, 'one for each edge');
    const seen = await list();
    assert.deepEqual(new Set(seen.sessions.map(({ pid }) => pid)), pids);
    assert.equal(seen.total, 6);
    for (const admin of admins) assert.deepEqual(ids(await list('--admin', admin)), ids(seen));
    const two = await operator.run('sessions', '--limit', '2');
    assert.equal(two.stdout.trimEnd().split('\n').length, 3);
    assert.equal(two.stderr, '2 of 6; --limit N shows more\n');
    const held = await workers();
    assert.equal(held.length, 2);
    await close(opened);
  });

  it('kill through the one edge ends a session at the other', async () => {
    const opened = await open(2);
    const [mine, other] = opened.map(({ headers }) => headers) as [Headers, Headers];
    const pid = await pidOf(mine);
    const { id } = (await list()).sessions.find((session) => session.pid === pid)!;
    const killed = await operator.run('sessions', 'kill', '--yes', '--admin', admins[1]!, '--', id);
    assert.equal(killed.code, 0, killed.stderr);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    for (const edge of [0, 1])
      assertRefused(await post(at(edge), toolCall(1, 'echo'), mine), { status: 404, code: -32001, reason: 'request.session_unknown' });
    assert.equal(textOf((await post(at(0), toolCall(1, 'echo', { text: 'here' }), other)).messages.at(-1)), 'here');
    await close(opened);
  });

  it('new sessions go past a drained worker at every edge, its own go on; resumed, it gets its share again', async () => {
    const before = await open(10);
    const [drained, other] = (await workers()).map(({ id }) => id) as [string, string];
    const said = await operator.run('workers', 'drain', drained, '--yes');
    assert.match(said.stderr, new RegExp(`^${drained} takes no new sessions; \\d+ go on\\. Undo: causeway workers resume ${drained}\\n$`));
    const held = (await list()).sessions.filter(({ worker }) => worker === drained).length;
    assert.ok(held > 0);
    const later = await open(6);
    const { sessions } = await list();
    assert.equal(sessions.filter(({ worker }) => worker === drained).length, held);
    assert.equal(sessions.filter(({ worker }) => worker === other).length, 16 - held);
    for (const { headers } of before)
      assert.equal(textOf((await post(at(1), toolCall(1, 'echo', { text: 'on' }), headers)).messages.at(-1)), 'on');
    assert.equal((await operator.run('workers', 'drain', other, '--yes')).code, 0);
    await assert.rejects(hello(at(0)), /503.*(?:cluster\.no_worker|limit\.worker)/);
    // The edge that was asked knows when the answer is there.
    for (const id of [drained, other]) assert.equal((await operator.run('workers', 'resume', id, '--admin', admins[0]!)).code, 0);
    await close([...before, ...later]);
    // A place is free a moment after its session is over; by the places it is that new sessions are spread.
    await until(10_000, 'free places', async () => (await workers()).every(({ sessions: held }) => held === 0) || undefined);
    const again = await Promise.all(Array.from({ length: 10 }, () => hello(at(0))));
    assert.equal(new Set((await list()).sessions.map(({ worker }) => worker)).size, 2);
    await close(again);
  });

  it('a worker that does not answer is named, and nothing is said not to exist that it may hold', async () => {
    const [one] = await workers();
    const { process: silent } = await describeWorker(one!.id);
    process.kill(silent!.pid, 'SIGSTOP');
    try {
      const [listed, got, detail] = await Promise.all([
        operator.run('sessions', 'ls', '--format', 'json'),
        operator.run('sessions', 'get', 'AAAAAAAAAAAAAAAAAAAAAA', '--format', 'json'),
        describeWorker(one!.id),
      ]);
      assert.equal(listed.code, 0);
      assert.deepEqual((listed.json() as Sessions).unanswered, [one!.id]);
      assert.equal(listed.stderr, `warning: the worker ${one!.id} did not answer; its sessions are missing here\n`);
      assert.deepEqual([got.code, got.error().code], [4, 'cluster.owner_silent']);
      assert.equal(detail.process, null);
    } finally {
      process.kill(silent!.pid, 'SIGCONT');
    }
  });

  it('an idle session of a worker that has left waits for its next owner, and can be ended', async () => {
    const [{ headers }] = (await open(1)) as [Hello];
    const { id, worker } = (await list()).sessions[0]!;
    const { process: owner } = await describeWorker(worker);
    const leaving = cluster.workers.find(({ pid }) => pid === owner!.pid)!;
    leaving.kill('SIGTERM');
    await leaving.exited;
    await until(10_000, 'the edge to see it', async () => (await workers()).length === 1 || undefined);
    const got = (await operator.run('sessions', 'get', '--format', 'json', '--', id)).json() as { state: string; idleMs: unknown };
    assert.deepEqual([got.state, got.idleMs], ['waiting', null]);
    assert.match((await operator.run('sessions', 'get', '--', id)).stdout, /^idle +-$/m);
    const killed = await operator.run('sessions', 'kill', '--yes', '--', id);
    assert.equal(killed.code, 0, killed.stderr);
    for (const edge of [0, 1])
      assertRefused(await post(at(edge), toolCall(1, 'echo'), headers), { status: 404, code: -32001, reason: 'request.session_unknown' });
  });

  it('without NATS: what was last seen is told with a warning, and what must be asked is refused', async () => {
    const [node] = cluster.nats.nodes;
    await node!.kill();
    const seen = await operator.run('workers');
    assert.equal(seen.code, 0, seen.stderr);
    assert.match(seen.stderr, /^warning: the edge's bus is disconnected: this is what was last seen\n$/);
    const refused = await operator.run('sessions', '--format', 'json');
    assert.deepEqual([refused.code, refused.error().code], [4, 'cluster.unavailable']);
    await node!.restart();
  });
});

function ids({ sessions }: Sessions): readonly string[] {
  return sessions.map(({ id }) => id).toSorted();
}
