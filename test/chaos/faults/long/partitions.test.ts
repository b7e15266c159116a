/** Wires that fall silent: nothing is closed, nothing arrives. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pick } from '../../../harness/random.ts';
import { assertMovedChildrenEnd, assertNoneFailed, assertRehomed, untilReady } from '../../expect.ts';
import { numberOf } from '../../load.ts';
import type { Run } from '../../run.ts';
import { openFaults } from '../../stage.ts';

/** Milliseconds until its sessions are served elsewhere: its record ends after 20 s. */
const SERVED = 30_000;
/** Until a silent connection is given up: two pings of 5 s, and the next one. */
const NOTICED = 22_000;

describe('silent partitions', () => {
  const faults = openFaults({ wired: true });

  /** A worker that hears nothing stops, its sessions go on elsewhere, and it comes back as a new owner of nothing. */
  async function cutOff(run: Run, how: 'silent' | 'silent down'): Promise<void> {
    const parted = await run.someWorker();
    await run.occupy(10_000, (client) => numberOf(client) % 5 === 0);
    run.strike();
    const { id } = parted;
    parted.part(how);
    await assertRehomed(run, id, { inFlight: 4_000, served: SERVED, silent: true });
    parted.heal();
    // Kept for `worker.grace` in case that nobody takes them over; somebody has.
    await assertMovedChildrenEnd(run, id);
    await run.recovered(60_000);
    assert.equal(parted.id, id, 'the worker lives on');
  }

  it(
    'F12 a worker without NATS, both ways: it fences itself, its sessions go on elsewhere, never two owners',
    faults.fault((run) => cutOff(run, 'silent')),
  );

  it(
    'F14 a worker that NATS cannot reach while it reaches NATS: the same',
    faults.fault((run) => cutOff(run, 'silent down')),
  );

  it(
    'F13 (silent) an edge whose wires fall silent: unready and refusing when it is noticed, no call without an outcome',
    faults.fault(async (run) => {
      const { world, random } = run.stage;
      const parted = pick(random, world.edges);
      run.strike();
      parted.part('silent');
      await untilReady(parted, false, NOTICED);
      await run.lasts(3_000);
      parted.heal();
      await untilReady(parted, true, 15_000);
      await run.recovered(60_000);
    }),
  );

  it(
    'F16 NATS is slow, 200 ms there and back, and stalls now and then: no error',
    faults.fault(async (run) => {
      const { world, random } = run.stage;
      const units = [...world.workers, ...world.edges];
      run.strike();
      for (const { wires } of units) for (const wire of wires) wire.slow(100);
      for (let second = 0; second < 15; second++) {
        const wire = pick(random, pick(random, units).wires);
        wire.silence('up', 'down');
        await run.lasts(300);
        wire.heal();
        wire.slow(100);
        await run.lasts(700);
      }
      for (const unit of units) unit.heal();
      await run.recovered(30_000);
      assertNoneFailed(run);
      assert.deepEqual(run.lostSessions(), []);
    }),
  );

  faults.lastly();
});
