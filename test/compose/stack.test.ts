/**
 * The stack of docker-compose.yml as users have it: hardened, transparent, without stickiness, and what a client sees while
 * its parts are killed and scaled. One stack, one client after another.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { textOf } from '../harness/speak.ts';
import { call, told } from '../harness/stateless.ts';
import { until } from '../harness/within.ts';
import { assertSame, hear } from '../parity/play.ts';
import { openPlay } from '../parity/scripts.ts';
import { overNext, overSse, overStdio, overStreamable } from '../parity/speakers.ts';
import { docker, obstacle } from './engine.ts';
import { openStack, type Stack } from './stack.ts';

/** Milliseconds that a call may take while something is killed (a new child by npx included), and while nothing is. */
const DISTURBED = 15_000;

const skip = (await obstacle()) ?? false;

interface Inspected {
  readonly Name: string;
  readonly Path: string;
  readonly Args: readonly string[];
  readonly Config: { readonly User: string; readonly Env: readonly string[]; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[];
    readonly CapAdd: readonly string[] | null;
    readonly SecurityOpt: readonly string[];
    readonly PidsLimit: number;
    readonly Privileged: boolean;
  };
}

describe('the compose stack', { skip }, () => {
  let stack: Stack;
  before(async () => {
    stack = await openStack();
  });
  after(() => stack?.[Symbol.asyncDispose]());

  const exec = async (service: string, ...command: readonly string[]): Promise<string> =>
    docker(['exec', (await stack.containers(service))[0]!.id, ...command]);
  const workers = async (): Promise<readonly { readonly id: string; readonly host: string; readonly sessions: number }[]> =>
    (await stack.operator<{ workers: { id: string; host: string; sessions: number }[] }>('workers')).workers;

  it('every container is hardened: not root, read-only, no capabilities, no new privileges, a limit of processes', async () => {
    const ids = (await stack.containers()).map(({ id }) => id);
    assert.equal(ids.length, 10, 'three of NATS, three workers, two edges, the balancer, Prometheus');
    for (const { Name, Config, HostConfig } of JSON.parse(await docker(['inspect', ...ids])) as Inspected[]) {
      const { ReadonlyRootfs, CapDrop, CapAdd, SecurityOpt, PidsLimit, Privileged } = HostConfig;
      assert.match(Config.User, /^(?!0\b)\d+:\d+$/, Name);
      assert.deepEqual(
        { ReadonlyRootfs, CapDrop, CapAdd, SecurityOpt, Privileged },
        { ReadonlyRootfs: true, CapDrop: ['ALL'], CapAdd: null, SecurityOpt: ['no-new-privileges:true'], Privileged: false },
        Name,
      );
      assert.ok(PidsLimit > 0 && PidsLimit <= 2048, Name);
    }
    for (const service of ['edge', 'worker']) {
      assert.match(await exec(service, 'cat', '/proc/1/comm'), /^tini$/m);
      assert.match(await exec(service, 'grep', '-E', '^(NoNewPrivs|CapEff)', '/proc/1/status'), /CapEff:\s0+\nNoNewPrivs:\s1/);
    }
  });

  it('no key is in the image, or in the environment of a container or of a child; each role sees its own alone', async () => {
    const seeds = new Map<string, string>();
    for (const role of ['edge', 'worker'] as const) {
      assert.equal(
        (await exec(role, 'ls', '/keys/edge', '/keys/worker', '/keys/bootstrap', '/keys/nats')).match(/nkey|keys\.conf/g)?.length,
        1,
      );
      assert.match(await exec(role, 'stat', '-c', '%a %u', `/keys/${role}/nkey`), /^400 10001$/m);
      seeds.set(role, (await exec(role, 'cat', `/keys/${role}/nkey`)).trim());
    }
    const said = [
      await docker(['history', '--no-trunc', 'causeway:test']),
      await docker(['inspect', 'causeway:test', ...(await stack.containers()).map(({ id }) => id)]),
    ].join('\n');
    for (const seed of seeds.values()) assert.ok(seed.startsWith('SU') && !said.includes(seed));
    await using speaker = await overStreamable(stack.url('everything'));
    const { result } = await speaker.ask({ method: 'tools/call', params: { name: 'get-env', arguments: {} } });
    const environment = JSON.stringify(result);
    assert.match(environment, /PATH/);
    assert.doesNotMatch(environment, /CAUSEWAY_(?!CHILD)|NKEY|nats:/i);
  });

  it('Prometheus reads the figures of every edge and worker, and its rules are without mistakes', async () => {
    const query = async (text: string): Promise<readonly { metric: Record<string, string>; value: [number, string] }[]> => {
      const url = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(text)}`;
      const answer = JSON.parse(await exec('prometheus', 'wget', '-q', '-O', '-', url)) as { data: { result: [] } };
      return answer.data.result;
    };
    await until(30_000, 'five targets that answer', async () => ((await query('up == 1')).length === 5 ? true : undefined));
    assert.equal((await query('sum(causeway_worker_slots_max)'))[0]?.value[1], '192');
    assert.equal((await query('max(causeway_workers{state="ready"})'))[0]?.value[1], '3');
    assert.equal((await query('causeway_limit_max{scope="total"}')).length, 2);
    assert.equal((await query('count by (role) (causeway_build_info)')).length, 2);
    assert.match(await exec('prometheus', 'promtool', 'check', 'config', '/etc/prometheus/prometheus.yml'), /SUCCESS: 4 rules found/);
  });

  it('real servers answer through the balancer what they answer over stdio, to every client', async () => {
    await using play = await openPlay('everything');
    const direct = await hear(play, () => overStdio(process.execPath, play.args, play.env));
    assertSame(play, await hear(play, () => overStreamable(stack.url('everything'))), direct);
    assertSame(play, await hear(play, () => overSse(stack.url('everything', 'sse'))), direct);
    assertSame(play, await hear(play, () => overNext(stack.url('everything'))), direct);
  });

  it('the calls of one session go to every edge in turn', async () => {
    const { lost, served, again } = await stack.demo('--calls', '40', '--together', '1', '--gap', '1');
    assert.deepEqual([lost, again], [[], { cut: 0, refused: 0, unknown: 0 }]);
    const counts = Object.values(served);
    assert.ok(counts.length === 2 && counts.every((count) => count >= 15), JSON.stringify(served));
  });

  it('a role cannot do what is not its own: seven abuses refused to each, and nobody comes in without a key', async () => {
    const script = await readFile(new URL('abuses.mjs', import.meta.url), 'utf8');
    const tried = {
      edge: [
        'publish $KV.cw_workers.x',
        'publish $KV.cw_sessions.x',
        'publish $JS.API.STREAM.PURGE.KV_cw_workers',
        'publish $JS.API.STREAM.DELETE.KV_cw_sessions',
        'publish cw.e.x.g.y',
        'subscription >',
        'subscription cw.w.>',
      ],
      worker: [
        'publish cw.w.x.s.y.1.in',
        'publish cw.w.x.open',
        'publish cw.wr.x.bus.q.1',
        'publish $JS.API.STREAM.DELETE.KV_cw_workers',
        'publish $JS.API.STREAM.CREATE.KV_x',
        'subscription >',
        'subscription cw.e.>',
      ],
    };
    for (const [role, attempts] of Object.entries(tried)) {
      const [{ id } = { id: '' }] = await stack.containers(role);
      const node = ['node', '--input-type=module', '-e', script, `/keys/${role}/nkey`, JSON.stringify(attempts)];
      assert.deepEqual(
        JSON.parse(await docker(['exec', '-w', '/app', id, ...node])),
        { anonymous: 'AuthorizationError', refused: attempts.toSorted((a, b) => a.localeCompare(b)) },
        role,
      );
    }
  });

  it('docker kill of an edge and of the owner under load: nothing is lost, the session goes on at another worker', async () => {
    const { lost, served, story, ms } = await stack.demo('--calls', '240', '--kill-edge', '--kill-worker');
    assert.deepEqual(lost, []);
    assert.equal(story.length, 3, story.join('; '));
    assert.match(story[2]!, /^the session went on at worker \w{12}$/);
    assert.ok(Object.keys(served).length >= 2, JSON.stringify(served));
    assert.ok(ms.longest < DISTURBED, `the longest call took ${ms.longest} ms`);
  });

  it('docker kill of a NATS server under load: nothing is lost, and sessions are opened meanwhile', async () => {
    const load = stack.demo('--calls', '200');
    const [{ id } = { id: '' }] = await stack.containers('nats-1');
    await docker(['kill', id]);
    const other = await stack.demo('--calls', '5');
    await docker(['start', id]);
    const { lost, ms } = await load;
    assert.deepEqual([lost, other.lost], [[], []]);
    assert.ok(ms.longest < DISTURBED, `the longest call took ${ms.longest} ms`);
  });

  it('workers are scaled up and down under load: new ones are used, and sessions of those that go, go on', async () => {
    const load = stack.demo('--calls', '1000', '--gap', '100');
    await stack.compose('up', '-d', '--wait', '--no-recreate', '--scale', 'worker=5');
    await until(20_000, 'five workers', async () => ((await workers()).length === 5 ? true : undefined));
    await stack.compose('up', '-d', '--wait', '--no-recreate', '--scale', 'worker=1');
    const { lost, ms } = await load;
    assert.deepEqual(lost, []);
    assert.ok(ms.longest < DISTURBED, `the longest call took ${ms.longest} ms`);
    assert.equal((await workers()).length, 1);
  });

  it('afterwards no session is left, and no process of a child in any container', async () => {
    await until(30_000, 'the end of every session', async () =>
      (await stack.operator<{ total: number }>('sessions')).total === 0 ? true : undefined,
    );
    for (const { id } of await stack.containers('worker')) {
      const processes = await until(10_000, 'the end of every child', async () => {
        const list = (await docker(['top', id, '-o', 'pid,args'])).trim().split('\n').slice(1);
        return list.some((line) => /npm|npx|_npx|mcp-server/.test(line)) ? undefined : list;
      });
      assert.ok(processes.length >= 2 && processes.length <= 3, processes.join('\n'));
    }
  });

  it('requests of 2026-07-28, which have no session, are served through every edge', async () => {
    for (let nth = 0; nth < 6; nth += 1) {
      const message = `number ${nth}`;
      assert.equal(textOf(await told(stack.url('everything'), call(nth, 'echo', { message }))), `Echo: ${message}`);
    }
  });
});
