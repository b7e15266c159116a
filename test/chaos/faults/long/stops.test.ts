/** Processes that stand still for a while, clocks that are wrong, and drains that are cut short. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pick } from '../../../harness/random.ts';
import { assertMovedChildrenEnd, assertNoneFailed, assertOnlyInFlightFailed, assertRehomed, KILLED, UNKNOWN } from '../../expect.ts';
import { kindOf, numberOf } from '../../load.ts';
import { describeCall } from '../../records.ts';
import { openFaults } from '../../stage.ts';

const CLOCK = `--require ${fileURLToPath(new URL('../../preload/clock.cjs', import.meta.url))}`;
const HOUR = 3_600_000;
const MIB = 1024 * 1024;

const everyThird = (client: string) => numberOf(client) % 3 === 0;

async function residentBytes(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

describe('processes that stand still', () => {
  const faults = openFaults();

  it(
    'F07 SIGSTOP a worker for 3 s: nothing fails, nothing runs twice, no session is lost',
    faults.fault(async (run) => {
      const stopped = await run.someWorker();
      run.strike();
      stopped.stop();
      await run.lasts(3_000);
      stopped.cont();
      await run.recovered(15_000);
      assertNoneFailed(run);
      assert.deepEqual(run.lostSessions(), []);
    }),
  );

  it(
    'F09 SIGSTOP an edge for 10 s: the others serve, workers keep their size, its streams go on',
    faults.fault(async (run) => {
      const { world, random, load } = run.stage;
      const stopped = pick(random, world.edges);
      const before = await Promise.all(world.workers.map(({ pid }) => residentBytes(pid)));
      run.strike();
      stopped.stop();
      const busy = load.busy();
      await run.recovered(
        9_000,
        (client) => !busy.has(client) && load.sessions().some((one) => one.client === client && one.transport === 'streamable'),
      );
      await run.lasts(Math.max(0, run.struck + 10_000 - Date.now()));
      const grown = (await Promise.all(world.workers.map(({ pid }) => residentBytes(pid)))).map((bytes, nth) =>
        Math.round((bytes - before[nth]!) / MIB),
      );
      stopped.cont();
      await run.recovered(60_000);
      assert.ok(
        grown.every((mib) => mib < 64),
        `workers grew by ${grown.join(', ')} MiB`,
      );
      assertOnlyInFlightFailed(run, UNKNOWN);
    }),
  );

  it(
    'F10 SIGSTOP the NATS server of an edge: given up within 22 s, calls have outcomes, everybody is served again',
    faults.fault(async (run) => {
      const { world, random } = run.stage;
      const edge = pick(random, world.edges);
      const at = (await world.nats.connections()).find(({ name }) => name.includes(edge.id) && name.includes('data'));
      const node = world.nats.nodes.find(({ name }) => name === at?.node)!;
      run.strike();
      node.signal('SIGSTOP');
      await run.lasts(22_000);
      const noticed = Date.now();
      await run.stage.load.served(noticed, 15_000);
      node.signal('SIGCONT');
      await run.recovered(30_000);
      const wrong = run.failed().filter(({ began, reason = '' }) => began > noticed || ![...UNKNOWN, 'server.deadline'].includes(reason));
      assert.deepEqual(wrong.map(describeCall), []);
    }),
  );

  it(
    'F17 clocks an hour ahead on a worker and an hour behind on an edge: no error',
    faults.fault(async (run) => {
      const { world, load } = run.stage;
      const [worker, edge] = [world.workers[0]!, world.edges[0]!];
      await worker.term();
      await worker.start({ NODE_OPTIONS: CLOCK, CHAOS_CLOCK_AHEAD: String(HOUR) });
      await edge.term();
      await edge.start({ NODE_OPTIONS: CLOCK, CHAOS_CLOCK_AHEAD: String(-HOUR) });
      await load.reopen(everyThird);
      await load.served(Date.now(), 60_000);
      const begun = run.calls().length;
      run.strike();
      assert.ok(run.sessionsOf(worker.id).length > 0, 'the worker with the wrong clock has sessions');
      // Longer than a lease.
      await run.lasts(25_000);
      await run.recovered(30_000);
      const failed = run
        .calls()
        .slice(begun)
        .filter(({ outcome }) => outcome !== 'ok');
      assert.deepEqual(failed.map(describeCall), []);
      assert.deepEqual(run.lostSessions(), []);
      await worker.term();
      await edge.term();
    }),
  );

  it(
    'F18 a machine is paused past the lease, its monotonic clock stands still, its children too: nothing runs twice or late',
    faults.fault(async (run) => {
      const { world, load, census } = run.stage;
      const paused = world.workers[0]!;
      await paused.term();
      await paused.start({ NODE_OPTIONS: CLOCK, CHAOS_CLOCK_STILL: '1' });
      await load.reopen(everyThird);
      await load.served(Date.now(), 60_000);
      run.strike();
      const { id } = paused;
      const sessions = run.sessionsOf(id);
      assert.ok(sessions.length > 0, 'the worker has sessions');
      const children = (await census.next()).live.filter(({ worker }) => worker === id);
      paused.stop();
      for (const { pid } of children) process.kill(pid, 'SIGSTOP');
      await run.lasts(25_000);
      for (const { pid } of children) process.kill(pid, 'SIGCONT');
      paused.cont();
      await run.recovered(60_000);
      await assertMovedChildrenEnd(run, id);
      await paused.term();
    }),
  );

  it(
    'F31 a second SIGTERM while a worker drains: it exits at once with 1, and all goes on as after kill -9',
    faults.fault(async (run) => {
      const drained = await run.someWorker();
      const { id } = drained;
      // A session is still there 500 ms later if it has a call to finish: all without recovery, and some with.
      const kept = run.sessionsOf(id).find(({ server, transport }) => server === 'steady' && transport === 'streamable');
      const busy = (client: string) => client === kept?.client || numberOf(client) % 5 === 0;
      await run.occupy(15_000, (client) => busy(client) || kindOf(numberOf(client)).server === 'final');
      const exit = drained.term();
      await drained.process.logs.next('the beginning of the drain', ({ msg }) => msg === 'stopping');
      // Equal signals within 250 ms are one.
      await run.lasts(500);
      run.strike();
      drained.process.kill('SIGTERM');
      const { code } = await exit;
      assert.ok(Date.now() - run.struck < 1_000, `it took ${Date.now() - run.struck} ms`);
      assert.equal(code, 1);
      await assertRehomed(run, id, KILLED);
    }),
  );

  faults.lastly();
});
