/** What happens to the load when NATS servers are killed, one or all, and when the buckets are emptied. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pick } from '../../harness/random.ts';
import { until } from '../../harness/within.ts';
import { aside, assertNoneFailed, assertOnlyInFlightFailed, assertRefusedAtOnce, UNKNOWN, untilReady } from '../expect.ts';
import type { Scan } from '../census.ts';
import type { KvDump } from '../kv.ts';
import { openFaults } from '../stage.ts';
import type { Unit } from '../unit.ts';

describe('faults of NATS', () => {
  const faults = openFaults();

  it(
    'F04 kill -9 the leader of the records: no call of a live session fails, new sessions open within 10 s',
    faults.fault(async (run) => {
      const { world, eye } = run.stage;
      const leader = await eye.leader('sessions');
      const node = world.nats.nodes.find(({ name }) => name === leader)!;
      run.strike();
      await world.killNode(node);
      await using opened = new AsyncDisposableStack();
      const open = async ({ process }: Unit) => opened.use(await aside(process.url('steady')).catch(onlyIf503));
      await Promise.all(world.edges.map((edge) => until(10_000, `a new session at ${edge.name}`, () => open(edge))));
      await run.recovered(15_000);
      assertNoneFailed(run);
    }),
  );

  it(
    'F05 kill -9 the NATS server of an edge: no more calls fail than were in flight, and the edge goes on at another',
    faults.fault(async (run) => {
      const { world, random, load } = run.stage;
      const edge = pick(random, world.edges);
      const at = (await world.nats.connections()).find(({ name }) => name.includes(edge.id) && name.includes('data'));
      const node = world.nats.nodes.find(({ name }) => name === at?.node)!;
      const busy = load.busy().size;
      run.strike();
      await world.killNode(node);
      await run.recovered(15_000);
      assertOnlyInFlightFailed(run, UNKNOWN);
      assert.ok(run.failed().length <= busy, `${run.failed().length} failed, ${busy} were in flight`);
      assert.deepEqual(run.lostSessions(), []);
    }),
  );

  it(
    'F06 kill -9 all NATS servers for 10 s: refused at once with executed "no", streams open, children alive, the same sessions go on',
    faults.fault(async (run) => {
      const { world, load, census, random } = run.stage;
      const before = pids(await census.next());
      const attached = load.evidence.standing.items.length;
      const session = pick(
        random,
        load.sessions().filter(({ transport }) => transport === 'streamable'),
      );
      run.strike();
      await Promise.all(world.nats.nodes.map((node) => world.killNode(node)));
      const began = Date.now();
      // What an edge sends before its connection breaks waits for the answer; from then on it refuses.
      for (const edge of world.edges) await untilReady(edge, false, 2_000);
      await assertRefusedAtOnce(world.edges, session);
      await run.lasts(Math.max(0, began + 10_000 - Date.now()));
      await Promise.all(world.nats.nodes.map((node) => world.startNode(node)));
      await run.recovered(40_000);
      assertOnlyInFlightFailed(run, UNKNOWN);
      assert.deepEqual(run.lostSessions(), []);
      const ended = load.evidence.standing.items.slice(attached).filter(({ what }) => what === 'ended');
      assert.deepEqual(ended, [], 'GET streams stay open');
      assert.deepEqual(pids(await census.next()), before, 'the same children live');
    }),
  );

  it(
    'F43 the buckets are emptied while all is running: workers put back what is true within 15 s, nobody notices',
    faults.fault(async (run) => {
      const { eye, load, census } = run.stage;
      await load.pause();
      const before = await eye.dump();
      const children = pids(await census.next());
      load.resume();
      run.strike();
      await eye.wipe('sessions');
      await eye.wipe('workers');
      await until(15_000, 'the records to be back', async () => (sameTruth(before, await eye.dump()) ? true : undefined));
      await run.recovered(20_000);
      assertNoneFailed(run);
      assert.deepEqual(pids(await census.next()), children, 'the same children live');
    }),
  );

  faults.lastly();
});

/** A refusal that says to come again; anything else is no answer to wait for. */
function onlyIf503(error: Error): undefined {
  if (!/ 50[34] /.test(error.message)) throw error;
}

/** The same workers, and the same sessions with the same owners. */
function sameTruth(before: KvDump, now: KvDump): boolean {
  return (
    [...before.workers.keys()].every((worker) => now.workers.has(worker)) &&
    now.sessions.size === before.sessions.size &&
    [...before.sessions].every(([token, { owner }]) => now.sessions.get(token)?.owner === owner)
  );
}

const pids = ({ live }: Scan): ReadonlySet<number> => new Set(live.map(({ pid }) => pid));
