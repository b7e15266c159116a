/** Every process is restarted in turn, as an operator does it, and nobody is to notice. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertNoneFailed } from '../expect.ts';
import { kindOf, numberOf } from '../load.ts';
import { openFaults } from '../stage.ts';

describe('rolling restart', () => {
  const faults = openFaults();

  it(
    'F29 every edge, worker and NATS server is restarted in turn: 0 failed calls of sessions with recovery, every process exits with 0',
    faults.fault(async (run) => {
      const { world, eye } = run.stage;
      run.strike();
      for (const unit of [...world.edges, ...world.workers]) {
        const { code } = await unit.term();
        assert.equal(code, 0, `${unit.name} exited with ${code}`);
        await unit.start();
        await run.stage.load.served(Date.now(), 30_000);
      }
      for (const node of world.nats.nodes) {
        await node.term();
        await world.startNode(node);
        // The next one goes only when this one has all that it missed.
        await eye.current();
        await run.stage.load.served(Date.now(), 30_000);
      }
      await run.recovered(30_000);
      const ofRecovery = (client: string) => kindOf(numberOf(client)).server === 'steady';
      assertNoneFailed(run, (client) => ofRecovery(client) && !kindOf(numberOf(client)).sse);
      // The one stream of HTTP+SSE ends with its edge, and cannot be resumed: what was taken before is answered, what comes then is not taken.
      const broken = run.failed((client) => ofRecovery(client)).filter(({ executed }) => executed !== 'no');
      assert.deepEqual(broken, []);
      const over = run
        .failed((client) => !ofRecovery(client))
        .filter(({ status, reason }) => status !== 404 || reason !== 'request.session_unknown');
      assert.deepEqual(
        over.map(({ session, reason }) => `${session} ${reason}`),
        [],
        'sessions without recovery end with 404',
      );
    }),
  );

  faults.lastly();
});
