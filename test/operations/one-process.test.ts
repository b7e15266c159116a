/** What an operator does to a bridge in one process, by the command line alone, on the machine and as the user that runs it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openOperator, type Operator } from '../harness/operator.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertError, assertRefused } from '../harness/refusal.ts';
import { hello, openCall, openStream, post, textOf, toolCall, type Headers } from '../harness/speak.ts';

interface Session {
  readonly id: string;
  readonly server: string;
  readonly state: string;
  readonly pid: number;
  readonly calls: number;
  readonly streams: number;
  readonly idleMs: number;
  readonly revision: string;
  readonly identity: string;
}

const SECRET = 'S3CRET-of-the-child';

describe('operations on one process', () => {
  const stack = new AsyncDisposableStack();
  let operator: Operator;
  let life: Lifeline;
  let bridge: Causeway;
  before(async () => {
    operator = stack.use(await openOperator());
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    bridge = stack.use(
      await openCauseway('run', {
        servers: { hostile: hostile({ ...life.env, SECRET }, { default: true, limits: { sessions: 7 } }), other: hostile(life.env) },
        config: { admin: { port: 0 }, limits: { sessions: 50 } },
        env: operator.env,
      }),
    );
  });
  after(async () => {
    await stack.disposeAsync();
  });

  const url = () => bridge.url('hostile');
  const pidOf = async (headers: Headers): Promise<number> =>
    (JSON.parse(textOf((await post(url(), toolCall('pid', 'pid'), headers)).messages.at(-1))!) as { pid: number }).pid;
  const end = (headers: Headers) => fetch(url(), { method: 'DELETE', headers });

  it('a session is listed with its child, found by its beginning and by what its client holds, and never shows a secret', async () => {
    const { headers, session } = await hello(url());
    const pid = await pidOf(headers);
    const said = await operator.run('sessions', 'ls', '--format', 'json');
    assert.equal(said.code, 0, said.stderr);
    const { sessions, total, unanswered } = said.json() as { sessions: Session[]; total: number; unanswered: string[] };
    assert.deepEqual([sessions.length, total, unanswered], [1, 1, []]);
    const [one] = sessions;
    assert.deepEqual(
      [one!.server, one!.state, one!.pid, one!.identity, one!.revision, one!.calls, one!.streams],
      ['hostile', 'open', pid, 'anonymous', '2025-11-25', 0, 0],
    );
    assert.ok(session.includes(one!.id) && session.length > one!.id.length, 'the token, not the id');
    for (const name of [one!.id, one!.id.slice(0, 8), session]) {
      const found = await operator.run('sessions', 'get', '--format', 'json', '--', name);
      assert.equal((found.json() as Session).id, one!.id);
    }
    const table = await operator.run('sessions');
    assert.match(table.stdout, /^ID +SERVER +WORKER +STATE +IDENTITY +AGE +IDLE +CALLS +STREAMS +PID\n/);
    assert.match(table.stdout, new RegExp(`^${one!.id.slice(0, 8)} +hostile +\\w{12} +open +anonymous +\\d+s +\\d+s +0 +0 +${pid}$`, 'm'));
    assert.equal((await operator.run('sessions', '-q')).stdout, `${one!.id}\n`);
    const card = await operator.run('sessions', 'get', '--', one!.id);
    for (const { stdout, stderr } of [said, table, card]) {
      assert.ok(!`${stdout}${stderr}`.includes(SECRET) && !`${stdout}${stderr}`.includes(session));
    }
    const none = await operator.run('sessions', 'ls', '--server', 'other');
    assert.deepEqual([none.code, none.stdout, none.stderr], [0, '', 'no sessions of "other"\n']);
    const typo = await operator.run('sessions', 'ls', '--server', 'hostil');
    assert.deepEqual(
      [typo.code, typo.stdout, typo.stderr],
      [0, '', 'no sessions of "hostil"\nwarning: no worker serves "hostil"; did you mean "hostile"?\n'],
    );
    await end(headers);
  });

  it('what holds a session is told: calls in flight, streams, idleness', async () => {
    const { headers } = await hello(url());
    await using call = await openCall(url(), toolCall('held', 'never'), headers);
    await using stream = await openStream(url(), { headers });
    assert.equal(stream.status, 200);
    const { sessions } = (await operator.run('sessions', '--format', 'json')).json() as { sessions: Session[] };
    assert.deepEqual(
      sessions.map(({ calls, streams, idleMs }) => [calls, streams, idleMs]),
      [[1, 1, 0]],
    );
    await end(headers);
    await call.ended;
  });

  it('kill asks for a yes; then calls are answered, streams end, the child is dead when it is said, and the id is unknown', async () => {
    const { headers } = await hello(url());
    const pid = await pidOf(headers);
    const id = (await operator.run('sessions', '-q')).stdout.trim();
    await using call = await openCall(url(), toolCall('cut', 'never'), headers);
    await using stream = await openStream(url(), { headers });
    const unsaid = await operator.run('sessions', 'kill', id);
    assert.equal(unsaid.code, 2);
    assert.match(unsaid.stderr, /^error: This ends \S{8} \(hostile, 1 call in flight\)\. Say so with --yes\.\n$/);
    await life.holds(pid);
    const killed = await operator.run('sessions', 'kill', id, '--yes', '--format', 'json');
    assert.equal(killed.code, 0, killed.stderr);
    assert.deepEqual(
      (killed.json() as { sessions: Session[] }).sessions.map((one) => [one.id, one.state]),
      [[id, 'ended']],
    );
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assertError(await call.message('an error', (message) => message.id === 'cut'), -31502, 'session.ended', 'unknown');
    await Promise.all([call.ended, stream.ended]);
    assertRefused(await post(url(), toolCall(1, 'echo'), headers), { status: 404, code: -32001, reason: 'request.session_unknown' });
    const again = await operator.run('sessions', 'kill', id, '--yes', '--format=json');
    assert.deepEqual([again.code, again.error().code, again.stdout], [1, 'request.session_unknown', '']);
  });

  it('several are killed together, or none when one of them is not there', async () => {
    const opened = [await hello(url()), await hello(url())];
    const ids = (await operator.run('sessions', '-q')).stdout.trim().split('\n');
    const wrong = await operator.run('sessions', 'kill', '--yes', '--', ids[0]!, 'AAAAAAAAAAAAAAAAAAAAAA');
    assert.equal(wrong.code, 1);
    assert.equal((await operator.run('sessions', '-q')).stdout.trim().split('\n').length, 2);
    assert.equal((await operator.run('sessions', 'kill', '--yes', '--', ...ids)).code, 0);
    assert.equal((await operator.run('sessions', '-q')).stdout, '');
    for (const { headers } of opened) assert.equal((await post(url(), toolCall(1, 'echo'), headers)).status, 404);
  });

  it('a drained worker takes nothing new, what is there goes on; resumed, it serves again', async () => {
    const { headers } = await hello(url());
    const worker = (await operator.run('workers', '-q')).stdout.trim();
    assert.match(worker, /^\w{12}$/);
    assert.equal((await operator.run('workers', 'drain', worker)).code, 2);
    const drained = await operator.run('workers', 'drain', worker, '--yes', '--format', 'json');
    assert.deepEqual([drained.code, (drained.json() as { state: string; sessions: number }).state], [0, 'draining']);
    assert.match((await operator.run('workers')).stdout, new RegExp(`^${worker} +\\S+ +draining +1 +256 `, 'm'));
    await assert.rejects(hello(url()), /503.*cluster\.no_worker/);
    assert.equal(textOf((await post(url(), toolCall(1, 'echo', { text: 'still here' }), headers)).messages.at(-1)), 'still here');
    const resumed = await operator.run('workers', 'resume', worker.slice(0, 5));
    assert.deepEqual([resumed.code, resumed.stdout], [0, '']);
    const fresh = await hello(url());
    await Promise.all([headers, fresh.headers].map(end));
  });

  it('workers, servers and limits say what there is', async () => {
    const worker = ((await operator.run('workers', 'ls', '--format', 'json')).json() as { workers: { id: string; state: string }[] })
      .workers[0]!;
    assert.equal(worker.state, 'ready');
    const card = await operator.run('workers', 'get', worker.id);
    assert.match(card.stdout, new RegExp(`^pid +${bridge.pid}$`, 'm'));
    const { servers } = (await operator.run('servers', 'ls', '--format', 'json')).json() as {
      servers: { name: string; workers: number }[];
    };
    assert.deepEqual(
      servers.map(({ name, workers }) => [name, workers]),
      [
        ['hostile', 1],
        ['other', 1],
      ],
    );
    assert.equal((await operator.run('servers', '-q')).stdout, 'hostile\nother\n');
    const { headers } = await hello(url());
    const { limits } = (await operator.run('limits', '--format', 'json')).json() as {
      limits: { scope: string; used: number; max: number }[];
    };
    assert.deepEqual(limits, [
      { scope: 'total', used: 1, max: 50 },
      { scope: 'server:hostile', used: 1, max: 7 },
      { scope: 'server:other', used: 0, max: null },
      { scope: `worker:${worker.id}`, used: 1, max: 256 },
    ]);
    assert.match((await operator.run('limits')).stdout, /^SCOPE +USED +MAX\ntotal +1 +50\nserver:hostile +1 +7\nserver:other +0 +-\n/);
    assert.match((await operator.run('servers')).stdout, /^hostile +\/servers\/hostile \/ +1 +1 +7 +restart +legacy$/m);
    await end(headers);
  });

  it('a wrong token: 3; a wrong address: 4; and each as one line of JSON where that is asked for', async () => {
    const [file] = await operator.files();
    assert.equal(file, `admin-${bridge.pid}.json`);
    const wrong = await operator.run('sessions', 'ls', '--token', 'wrong', '--format', 'json');
    assert.deepEqual([wrong.code, wrong.error().code, wrong.stdout], [3, 'request.unauthorized', '']);
    const mcp = await operator.run('sessions', '--admin', bridge.base, '--token', 'x');
    assert.equal(mcp.code, 4);
    assert.match(mcp.stderr, /no admin API of causeway/);
    const nowhere = await operator.run('sessions', '--admin', 'http://127.0.0.1:1', '--token', 'x', '--format', 'json');
    assert.deepEqual([nowhere.code, nowhere.error().code], [4, 'unreachable']);
    const unknown = await operator.run('workers', 'get', 'nobody', '--format', 'json');
    assert.deepEqual([unknown.code, unknown.error().code, unknown.error().docs], [1, 'request.worker_unknown', 'docs/errors.md']);
    assert.equal((await operator.run('sessions', 'ls', '--limit', 'many')).code, 2);
  });
});

it('several bridges of one user: one must be named; each is forgotten at its end; a configured token is the only one', async () => {
  await using operator = await openOperator();
  const start = (env: Readonly<Record<string, string>> = {}) =>
    openCauseway('run', { servers: { hostile: hostile() }, config: { admin: { port: 0 } }, env: { ...operator.env, ...env } });
  await using first = await start();
  const second = await start({ CAUSEWAY_ADMIN_TOKEN: 'configured' });
  assert.equal((await operator.files()).length, 2);
  const both = await operator.run('workers');
  assert.equal(both.code, 2);
  assert.match(both.stderr, new RegExp(`say which\\n {2}--admin http://\\S+ {3}serves ${second.base}, pid ${second.pid}\\n {2}--admin`));
  const admin = String(second.logs.items.find(({ msg }) => msg === 'listening')!['admin']);
  assert.equal((await operator.run('workers', '--admin', admin)).code, 3);
  assert.equal((await operator.run('workers', '--admin', admin, '--token', 'configured')).code, 0);
  assert.equal((await operator.runWith({ CAUSEWAY_ADMIN_TOKEN: 'configured' }, 'workers', '--admin', admin)).code, 0);
  await second[Symbol.asyncDispose]();
  assert.deepEqual(await operator.files(), [`admin-${first.pid}.json`]);
  assert.equal((await operator.run('workers')).code, 0);
  first.kill('SIGKILL');
  await first.exited;
  const none = await operator.run('workers', '--format', 'json');
  assert.deepEqual([none.code, none.error().code, await operator.files()], [4, 'unreachable', []]);
});
