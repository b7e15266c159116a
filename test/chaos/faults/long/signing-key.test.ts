/** The key that signs session ids is lost with everything else that is kept in NATS. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { post, toolCall } from '../../../harness/speak.ts';
import { aside, assertNoneFailed } from '../../expect.ts';
import { openFaults } from '../../stage.ts';

describe('the lost key', () => {
  const faults = openFaults();
  const at = (edge: number) => faults.stage.world.edges[edge]!.process.url('steady');

  it(
    'F43 (all) every bucket is emptied, with the key that signs ids, and an edge is started anew: ids stay good at every edge',
    faults.fault(async (run) => {
      const { world, eye } = run.stage;
      run.strike();
      for (const bucket of ['sessions', 'workers', 'cluster'] as const) await eye.wipe(bucket);
      const edge = world.edges[0]!;
      await edge.term();
      await edge.start();
      await using opened = await aside(at(0));
      for (const nth of [0, 1, 2]) {
        const { status, text } = await post(at(nth), toolCall(1, 'echo', { text: 'x' }), opened.headers);
        assert.equal(status, 200, `an id that was given out at the new edge, at edge ${nth + 1}: ${text}`);
      }
      await run.recovered(30_000);
      assertNoneFailed(run);
    }),
  );

  faults.lastly();
});
