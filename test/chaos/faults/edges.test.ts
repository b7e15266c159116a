/** What happens to the load when an edge is killed, stopped, or parted from NATS. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pick } from '../../harness/random.ts';
import { openFaults } from '../stage.ts';

describe('faults of edges', () => {
  const faults = openFaults();

  it(
    'F01 kill -9 an edge: its sessions go on at any other edge within 1 s',
    faults.fault(async (run) => {
      const { world, random } = run.stage;
      const lost = pick(random, world.edges);
      run.strike();
      await lost.kill();
      await run.recovered(10_000);
      assert.ok(true);
    }),
  );

  faults.lastly();
});
