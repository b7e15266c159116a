/** What happens to the load when an edge is killed, or parted from NATS. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pick } from '../../harness/random.ts';
import { until } from '../../harness/within.ts';
import { assertOnlyInFlightFailed, assertRefusedAtOnce, untilReady } from '../expect.ts';
import { kindOf, numberOf } from '../load.ts';
import { openFaults } from '../stage.ts';

describe('faults of edges', () => {
  const faults = openFaults({ wired: true });

  it(
    'F01 kill -9 an edge: every session goes on at another edge within 1 s, broken streams miss nothing',
    faults.fault(async (run) => {
      const { world, random, census, load } = run.stage;
      const lost = pick(random, world.edges);
      await run.occupy(2_000, (client) => numberOf(client) % 4 === 3);
      run.strike();
      await lost.kill();
      await run.recovered(15_000);
      assert.ok(run.longestWait() <= 1_000, `a new request took ${run.longestWait()} ms`);
      // What its client could never know: HTTP+SSE has no resumption, and a stream may break before it gave its id.
      assertOnlyInFlightFailed(run, ['client.stream_ended', 'client.cut']);
      const dropped = load.evidence.sessions.filter(({ end, ended = 0 }) => end === 'dropped' && ended >= run.struck);
      await until(run.struck + 10_000 - Date.now(), 'the end of the children of HTTP+SSE sessions', async () => {
        const { live } = await census.next();
        return live.some(({ session }) => dropped.some(({ id }) => id.includes(session))) ? undefined : true;
      });
    }),
  );

  it(
    'F13 an edge without NATS: unready within 5 s, refuses at once with 503 and executed "no", and goes on when NATS is back',
    faults.fault(async (run) => {
      const { world, random, load } = run.stage;
      const parted = pick(random, world.edges);
      const session = pick(
        random,
        load.sessions().filter(({ transport }) => transport === 'streamable'),
      );
      const attached = load.evidence.standing.items.length;
      run.strike();
      parted.part('cut');
      const before = load.busy();
      await untilReady(parted, false, 5_000);
      // Also what was sent before the edge could know that nobody would get it.
      const busy = before.union(load.busy());
      await assertRefusedAtOnce([parted], session);
      // What is open at the edge waits with it: calls in flight, and the streams of HTTP+SSE sessions.
      await run.recovered(15_000, (client) => !busy.has(client) && !kindOf(numberOf(client)).sse);
      await run.lasts(3_000);
      parted.heal();
      await untilReady(parted, true, 10_000);
      assertOnlyInFlightFailed(run, ['cluster.owner_lost', 'cluster.owner_silent', 'client.stream_ended']);
      const ended = load.evidence.standing.items.slice(attached).filter(({ what }) => what === 'ended');
      assert.deepEqual(ended, [], 'GET streams stay open');
    }),
  );

  faults.lastly();
});
