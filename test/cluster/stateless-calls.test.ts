/**
 * Many calls without a session: as few processes as serve them, none of them another identity's, and none too many
 * when they are done. Processes are counted from /proc.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assertOwn, canary } from '../harness/canary.ts';
import { livingWith, openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { hostile, MARK } from '../harness/processes.ts';
import { textOf } from '../harness/speak.ts';
import { ask, call, told } from '../harness/stateless.ts';

const CALLS = 10_000;
const AT_ONCE = 8;
const SERVERS = ['hostile', 'hostile-modern'] as const;

describe('calls without a session', () => {
  const stack = new AsyncDisposableStack();
  let life: Lifeline;
  let cluster: BridgeCluster;
  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    const servers = {
      hostile: hostile(life.env),
      'hostile-modern': hostile({ ...life.env, ERA: 'modern' }),
      fleeting: hostile(life.env, { pool: { idle: '1s' } }),
      once: hostile(life.env, { sharing: 'per-request' }),
      'once-modern': hostile({ ...life.env, ERA: 'modern' }, { sharing: 'per-request' }),
      everybody: hostile(life.env, { sharing: 'shared' }),
    };
    const keys = ['a', 'b'].map((id) => ({ id, key: `key-of-${id}-${'x'.repeat(32)}` }));
    cluster = stack.use(await openBridgeCluster({ servers, config: { auth: { apiKeys: keys } } }));
  });
  after(() => stack.disposeAsync());

  const at = (edge: number, server: string) => cluster.url(server, edge);
  const as = (id: string) => ({ authorization: `Bearer key-of-${id}-${'x'.repeat(32)}` });
  /** Children of the cluster, by what they serve. */
  const children = async (): Promise<number> =>
    (await livingWith(MARK, cluster.mark)).filter(({ command }) => command.includes('hostile.mjs')).length;
  const pid = async (server: string, id: string, edge = 0) =>
    (JSON.parse(textOf(await told(at(edge, server), call(1, 'pid'), as(id)))!) as { pid: number }).pid;

  /** That many, at most AT_ONCE at a time, each at the next edge. */
  async function many(server: string, total: number): Promise<void> {
    let next = 0;
    const client = async (): Promise<void> => {
      for (let nth = next++; nth < total; nth = next++) {
        const mark = canary(`c${nth}`);
        const answer = await ask(at(nth, server), call(nth % 3, 'echo', { text: mark }), as('a'));
        assert.equal(textOf(answer.messages.at(-1)), mark, answer.text);
        assertOwn(`c${nth}`, answer.text);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
  }

  it(`${CALLS} of them leave not one process more than the first few`, async (t) => {
    for (const server of SERVERS) {
      const idle = await children();
      await many(server, 20 * AT_ONCE);
      const warm = await children();
      const born = life.events.items.length;
      const began = performance.now();
      await many(server, CALLS / SERVERS.length);
      const rate = Math.round((CALLS / SERVERS.length / (performance.now() - began)) * 1_000);
      const now = await children();
      // Each worker may get all calls of a moment.
      const most = AT_ONCE * cluster.workers.length;
      assert.ok(now - idle <= most, `${server}: ${now - idle} processes for ${AT_ONCE} calls at a time`);
      t.diagnostic(`${server}: ${rate} calls/s, processes ${idle} → ${warm} → ${now}, ${life.events.items.length - born} started or ended`);
    }
  });

  it('a process that nobody uses ends', async () => {
    const own = await pid('fleeting', 'a');
    await life.died(own, 10_000);
  });

  it('identities do not share a process unless the server says so', async () => {
    for (const server of SERVERS) {
      const of = async (id: string) => new Set(await Promise.all([0, 1, 2, 3, 4, 5].map((edge) => pid(server, id, edge))));
      const [a, b] = [await of('a'), await of('b')];
      assert.ok(a.isDisjointFrom(b), `${server}: ${[...a].join()} and ${[...b].join()}`);
    }
  });

  it('shared: identities use the same processes', async () => {
    const seen = new Set<number>();
    for (let edge = 0; edge < 12; edge++) seen.add(await pid('everybody', edge % 2 === 0 ? 'a' : 'b', edge));
    assert.ok(seen.size <= 2, `one after the other, at two workers: ${seen.size} processes`);
  });

  it('per-request: no process serves twice', async () => {
    for (const server of ['once', 'once-modern']) {
      const pids = [];
      for (let edge = 0; edge < 6; edge++) pids.push(await pid(server, 'a', edge));
      pids.push(...(await Promise.all([0, 1, 2].map((edge) => pid(server, 'a', edge)))));
      assert.equal(new Set(pids).size, pids.length, server);
    }
  });

  it('a process that ended in the middle of a call is not used again', async () => {
    const { error } = await told(at(0, 'hostile'), call(1, 'crash'), as('a'));
    assert.equal(error?.data?.['reason'], 'server.exited');
    for (let edge = 0; edge < 6; edge++)
      assert.equal(textOf(await told(at(edge, 'hostile'), call(2, 'echo', { text: 'on' }), as('a'))), 'on');
  });
});
