/**
 * Limits under races and under the death of whoever holds places: never one too many, and every place comes back.
 * The load holds places too: its fifty sessions count under the total.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostile } from '../../harness/processes.ts';
import { post, type Answer } from '../../harness/speak.ts';
import { until } from '../../harness/within.ts';
import { refusalOf } from '../attempts.ts';
import { assertNoneFailed } from '../expect.ts';
import type { Run } from '../run.ts';
import { FULL, openFaults } from '../stage.ts';

const NARROW = 20;
const EACH = 12;
/** What is left under the total beside a load of 50. */
const SPARE = 15;
const CLIENTS = 50;
const RACERS = 100;
/** Of the race for each limit. */
const ROUNDS = FULL ? 100 : 6;
const KEYS = ['load-0', 'load-1', 'load-2', 'load-3', 'load-4', 'racer-a', 'racer-b', 'racer-c', 'racer-d', 'racer-e', 'racer-f'];

describe('limits', () => {
  const faults = openFaults({
    edges: 4,
    clients: CLIENTS,
    keys: KEYS.slice(0, 5),
    limits: { total: CLIENTS + NARROW + SPARE, servers: { narrow: NARROW } },
    config: {
      limits: { sessions: CLIENTS + NARROW + SPARE, sessionsPerIdentity: EACH },
      auth: { apiKeys: KEYS.map((key) => ({ name: key, key })) },
    },
    servers: (env) => {
      const narrow = { limits: { sessions: NARROW }, recovery: 'end' };
      return { narrow: hostile(env, narrow), wide: hostile(env) };
    },
  });

  /** One opening at the nth edge, as that client. */
  async function open(server: string, nth: number, key: string): Promise<Answer> {
    const { edges } = faults.stage.world;
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'racer', version: '1' } };
    const headers = { 'x-api-key': key };
    return post(edges[nth % edges.length]!.process.url(server), { jsonrpc: '2.0', id: 1, method: 'initialize', params }, headers, 60_000);
  }

  async function close(server: string, answers: readonly Answer[], keyOf: (nth: number) => string): Promise<void> {
    const { edges } = faults.stage.world;
    await Promise.all(
      answers.map(async (answer, nth) => {
        const id = answer.headers.get('mcp-session-id');
        if (id === null) return;
        const headers = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25', 'x-api-key': keyOf(nth) };
        const { status } = await fetch(edges[nth % edges.length]!.process.url(server), { method: 'DELETE', headers });
        assert.equal(status, 200);
      }),
    );
  }

  interface Race {
    readonly server: string;
    readonly keyOf: (nth: number) => string;
    readonly places: number;
    readonly refusal: readonly [status: number, reason: string];
  }

  /** All at once, round after round: exactly as many as there are places, no child for anybody else. */
  async function race(run: Run, { server, keyOf, places, refusal }: Race): Promise<void> {
    const { ledger, eye } = run.stage;
    for (let round = 1; round <= ROUNDS; round++) {
      const before = await ledger.starts();
      const answers = await Promise.all(Array.from({ length: RACERS }, (_, nth) => open(server, nth, keyOf(nth))));
      const admitted = answers.filter(({ status }) => status === 200).length;
      const others = answers.filter(({ status }) => status !== 200);
      const started = (await ledger.starts()) - before;
      await close(server, answers, keyOf);
      const why = `round ${round}: ${others
        .slice(0, 3)
        .map(({ status, text }) => `${status} ${text.slice(0, 200)}`)
        .join('; ')}`;
      assert.equal(admitted, places, why);
      assert.equal(started, places, `round ${round}: ${started} children were started`);
      for (const { status, text, headers } of others) {
        const { reason, executed } = refusalOf(status, text);
        assert.deepEqual([status, reason, executed], [...refusal, 'no']);
        assert.ok(Number(headers.get('retry-after')) >= 1, 'Retry-After');
      }
      await until(10_000, 'the places to be free again', async () => {
        const { sessions } = await eye.dump();
        return [...sessions.values()].some((record) => record['server'] === server) ? undefined : true;
      });
    }
  }

  const many = (nth: number) => KEYS[5 + (nth % 6)]!;
  const one = () => 'racer-a';

  it(
    'F36 100 openings at once at 4 edges, again and again: exactly 20 on a server for 20, exactly 12 for an identity, exactly the rest of the total',
    faults.fault(async (run) => {
      run.strike();
      await race(run, { server: 'narrow', keyOf: many, places: NARROW, refusal: [503, 'limit.server'] });
      await race(run, { server: 'wide', keyOf: one, places: EACH, refusal: [429, 'limit.identity'] });
      await race(run, { server: 'wide', keyOf: many, places: NARROW + SPARE, refusal: [503, 'limit.total'] });
      await run.recovered(20_000);
      assertNoneFailed(run);
    }),
  );

  it(
    'F36 the same while the leader of the records is killed every few seconds',
    faults.fault(async (run) => {
      const { world, eye } = run.stage;
      run.strike();
      let over = false;
      const killing = (async () => {
        while (!over) {
          const leader = await eye.leader('workers');
          const node = world.nats.nodes.find(({ name }) => name === leader)!;
          await world.killNode(node);
          await run.lasts(500);
          await node.start();
          await run.lasts(4_000);
        }
      })();
      // Openings may be refused while there is no leader; never may one too many be admitted.
      const open_ = async (nth: number) => {
        const answer = await open('narrow', nth, many(nth));
        if (answer.status !== 200) assert.ok(answer.status === 503 || answer.status === 504, `${answer.status} ${answer.text}`);
        return answer;
      };
      try {
        for (let round = 0; round < (FULL ? 20 : 2); round++) {
          const answers = await Promise.all(Array.from({ length: RACERS }, (_, nth) => open_(nth)));
          const admitted = answers.filter(({ status }) => status === 200).length;
          assert.ok(admitted <= NARROW, `${admitted} were admitted`);
          const more = await until(30_000, 'the server to be full', async () => fill(run, answers));
          await close('narrow', [...answers, ...more], many);
          await until(30_000, 'the places to be free again', async () => ((await held(run)) === 0 ? true : undefined));
        }
      } finally {
        over = true;
        await killing;
      }
      await run.recovered(30_000);
    }),
  );

  /** Sessions of the narrow server that have a child. */
  async function held(run: Run): Promise<number> {
    const records = (await run.stage.eye.dump()).sessions;
    return [...records.values()].filter((record) => record['server'] === 'narrow').length;
  }

  const extra: Answer[] = [];
  /** Opens one more at a time until it is refused for want of places. */
  async function fill(run: Run, answers: readonly Answer[]): Promise<readonly Answer[] | undefined> {
    const nth = answers.length + extra.length;
    const answer = await open('narrow', nth, many(nth));
    if (answer.status === 200) extra.push(answer);
    const full = answer.status === 503 && refusalOf(answer.status, answer.text).reason === 'limit.server';
    if (!full) return undefined;
    assert.equal(await held(run), NARROW);
    return extra.splice(0);
  }

  it(
    'F37 kill -9 a worker that holds places: they come back within 35 s, exactly those',
    faults.fault(async (run) => {
      const { world, census } = run.stage;
      const keyOf = many;
      const first = await Promise.all(Array.from({ length: NARROW }, (_, nth) => open('narrow', nth, keyOf(nth))));
      assert.deepEqual(new Set(first.map(({ status }) => status)), new Set([200]));
      const { live } = await census.next();
      const idOf = (answer: Answer) => answer.headers.get('mcp-session-id')!;
      const lost = world.workers.find(({ id }) =>
        live.some(({ worker, session }) => worker === id && first.some((one) => idOf(one).includes(session))),
      )!;
      const gone = new Set(
        first.filter((answer) => live.some(({ worker, session }) => worker === lost.id && idOf(answer).includes(session))),
      );
      run.strike();
      await lost.kill();
      const again: Answer[] = [];
      await until(35_000, 'the places of the dead worker', async () => {
        const answer = await open('narrow', again.length, keyOf(again.length));
        if (answer.status === 200) again.push(answer);
        else assert.equal(answer.status, 503, answer.text);
        return again.length === gone.size ? true : undefined;
      });
      const freed = Date.now() - run.struck;
      assert.ok(freed <= 35_000, `${freed} ms`);
      const { status, text } = await open('narrow', 0, keyOf(0));
      assert.deepEqual([status, refusalOf(status, text).reason], [503, 'limit.server']);
      await close(
        'narrow',
        first.map((answer) => (gone.has(answer) ? again.pop()! : answer)),
        keyOf,
      ).catch(() => {});
      await run.recovered(40_000);
    }),
  );

  faults.lastly();
});
