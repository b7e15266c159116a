/**
 * Limits under races and under the death of whoever holds places: never one too many, and every place comes back.
 * The load holds places too: its fifty sessions count under the total.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostile } from '../../harness/processes.ts';
import { until } from '../../harness/within.ts';
import { assertNoneFailed } from '../expect.ts';
import { Racers } from '../racers.ts';
import type { Run } from '../run.ts';
import { FULL, openFaults } from '../stage.ts';

/** Places of the server `narrow`, and of one identity. */
const NARROW = 20;
const EACH = 12;
/** Places under the total that a load of 50 leaves, where the narrow server is not used. */
const REST = 30;
const CLIENTS = 50;
const CROWD = 100;
/** Of the race for each limit. */
const ROUNDS = FULL ? 100 : 6;
const LOAD_KEYS = ['load-0', 'load-1', 'load-2', 'load-3', 'load-4'];
const RACER_KEYS = ['racer-0', 'racer-1', 'racer-2', 'racer-3', 'racer-4', 'racer-5'];

describe('limits', () => {
  const faults = openFaults({
    edges: 4,
    clients: CLIENTS,
    keys: LOAD_KEYS,
    limits: { total: CLIENTS + REST, servers: { narrow: NARROW } },
    config: {
      limits: { sessions: CLIENTS + REST, sessionsPerIdentity: EACH },
      auth: { apiKeys: [...LOAD_KEYS, ...RACER_KEYS].map((key) => ({ id: key, key })) },
    },
    servers: (env) => ({ narrow: hostile(env, { limits: { sessions: NARROW }, recovery: 'end' }), wide: hostile(env) }),
  });
  const racers = (server: string, keys: readonly string[]) => new Racers(faults.stage.world, server, keys);

  /** A session's place is free when its worker's record says so, a moment after its own record is gone. */
  const untilEmpty = (run: Run, server: string, ms: number) =>
    until(ms, 'every place to be free again', async () => {
      const { sessions, workers } = await run.stage.eye.dump();
      const held = [...workers.values()].some(
        (record) => ((record['holds'] as Readonly<Record<string, number>> | undefined)?.[`s:${server}`] ?? 0) > 0,
      );
      return held || [...sessions.values()].some((record) => record['server'] === server) ? undefined : true;
    });

  interface Race {
    readonly server: string;
    readonly keys: readonly string[];
    readonly places: number;
    readonly refusal: readonly [status: number, reason: string];
  }

  /** All at once, round after round: exactly as many as there are places, and no child for anybody else. */
  async function race(run: Run, { server, keys, places, refusal }: Race): Promise<void> {
    await using all = racers(server, keys);
    for (let round = 1; round <= ROUNDS; round++) {
      const before = await run.stage.ledger.starts();
      const crowd = await all.crowd(CROWD);
      const started = (await run.stage.ledger.starts()) - before;
      const refused = crowd.flatMap(({ refusal, answer }) => (refusal === undefined ? [] : [{ refusal, answer }]));
      assert.equal(CROWD - refused.length, places, `round ${round}: ${JSON.stringify(refused[0])}`);
      assert.equal(started, places, `round ${round}: ${started} children were started for ${places} places`);
      for (const one of refused) {
        assert.deepEqual([one.refusal.status, one.refusal.reason, one.refusal.executed], [...refusal, 'no']);
        assert.ok(Number(one.answer.headers.get('retry-after')) >= 1, 'Retry-After');
      }
      await all.close();
      await untilEmpty(run, server, 10_000);
    }
  }

  it(
    'F36 100 openings at once at 4 edges, again and again: exactly 20 for a server, exactly 12 for an identity, exactly the rest of the total',
    faults.fault(async (run) => {
      run.strike();
      await race(run, { server: 'narrow', keys: RACER_KEYS, places: NARROW, refusal: [503, 'limit.server'] });
      await race(run, { server: 'wide', keys: RACER_KEYS.slice(0, 1), places: EACH, refusal: [429, 'limit.identity'] });
      await race(run, { server: 'wide', keys: RACER_KEYS, places: REST, refusal: [503, 'limit.total'] });
      await run.recovered(20_000);
      assertNoneFailed(run);
    }),
  );

  if (FULL)
    it(
      'F36 (leaderless) the same while the leader of the ledger is killed every few seconds: never one too many, in the end exactly 20',
      faults.fault(async (run) => {
        const { world, eye } = run.stage;
        await using all = racers('narrow', RACER_KEYS);
        run.strike();
        let over = false;
        const killing = (async () => {
          while (!over) {
            const leader = await eye.leader('workers');
            // In office for long enough to renew leases, so that the fault is the ledger's alone.
            await run.lasts(3_000);
            const node = world.nats.nodes.find(({ name }) => name === leader)!;
            await world.killNode(node);
            await run.lasts(500);
            await world.startNode(node);
          }
        })();
        try {
          for (let round = 0; round < (FULL ? 20 : 2); round++) {
            const crowd = await all.crowd(CROWD);
            for (const { refusal, answer } of crowd) if (refusal) assert.ok([503, 504].includes(refusal.status), answer.text);
            assert.ok(all.ids.length <= NARROW, `${all.ids.length} were admitted`);
            // Who was refused for want of a leader comes again, until the server is full.
            await until(60_000, 'the server to be full', async () =>
              (await all.open()).refusal?.reason === 'limit.server' ? true : undefined,
            );
            assert.equal(all.ids.length, NARROW);
            await all.close();
            await untilEmpty(run, 'narrow', 30_000);
          }
        } finally {
          over = true;
          await killing;
        }
        await run.recovered(30_000);
      }),
    );

  it(
    'F37 kill -9 a worker that holds places: they come back within 35 s, exactly those',
    faults.fault(async (run) => {
      const { world, census } = run.stage;
      await using all = racers('narrow', RACER_KEYS);
      const first = await all.crowd(NARROW);
      assert.equal(all.ids.length, NARROW, JSON.stringify(first.find(({ refusal }) => refusal)?.refusal));
      const { live } = await census.next();
      const ownerOf = (id: string) => live.find(({ session }) => id.includes(session))?.worker;
      const lost = world.workers.find(({ id }) => all.ids.some((one) => ownerOf(one) === id))!;
      const gone = new Set(all.ids.filter((id) => ownerOf(id) === lost.id));
      run.strike();
      await lost.kill();
      await until(35_000, `the ${gone.size} places of the dead worker`, async () => {
        const { refusal } = await all.open();
        if (refusal) assert.deepEqual([refusal.status, refusal.executed], [503, 'no']);
        return all.ids.length === NARROW + gone.size ? true : undefined;
      });
      assert.equal((await all.open()).refusal?.reason, 'limit.server');
      await all.close(gone);
      await run.recovered(60_000);
    }),
  );

  faults.lastly();
});
