/** What others may do to the bus and to the records: send a message again, and write into what has one writer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pick } from '../../harness/random.ts';
import { until } from '../../harness/within.ts';
import { assertNoneFailed, UNKNOWN } from '../expect.ts';
import { openEye } from '../kv.ts';
import { describeCall, type CallRecord } from '../records.ts';
import { FULL, openFaults } from '../stage.ts';

describe('faults of records and of delivery', () => {
  const faults = openFaults();

  it(
    'F32 every third message of every client is delivered twice: nothing runs twice, every call has one answer',
    faults.fault(async (run) => {
      const { world, random } = run.stage;
      // A connection that does not hear itself.
      await using tap = await openEye(world.nats.nodes, { echo: false });
      let again = 0;
      using _ = tap.tap('cw.w.*.s.>', ({ subject, data, reply }) => {
        if (!subject.endsWith('.in') || data[0] !== 0x7b || random(3) !== 0) return;
        again++;
        tap.nc.publish(subject, data, reply === undefined ? {} : { reply });
      });
      await tap.nc.flush();
      run.strike();
      await run.lasts(FULL ? 20_000 : 4_000);
      await run.recovered(10_000);
      assert.ok(again > 50, `${again} messages were sent again`);
      assertNoneFailed(run);
      assert.deepEqual(run.lostSessions(), []);
    }),
  );

  for (const [how, what] of [
    ['deleted', 'its record is deleted'],
    ['forged', 'somebody else writes into its record'],
  ] as const) {
    it(
      `F35 (${how}) ${what} under a worker: no session has two owners, nothing runs twice, the truth is back within 15 s`,
      faults.fault(async (run) => {
        const { world, random, eye } = run.stage;
        const { id } = pick(random, world.workers);
        const before = new TextDecoder().decode((await eye.raw('workers')).get(id));
        run.strike();
        if (how === 'deleted') await eye.remove('workers', id);
        else await eye.put('workers', id, new TextEncoder().encode(before.replaceAll(id, '0'.repeat(12))));
        await until(15_000, 'a record of its own again', async () => {
          const record = (await eye.dump()).workers.get(id);
          return record?.['worker'] === id ? true : undefined;
        });
        await run.recovered(30_000);
        const wrong = run.failed().filter((call) => !mayFail(call));
        assert.deepEqual(wrong.map(describeCall), []);
      }),
    );
  }

  faults.lastly();
});

/** A worker that lost its record stops at once: calls in flight are unknown, sessions without recovery are over. */
function mayFail({ reason = '', server }: CallRecord): boolean {
  return UNKNOWN.includes(reason) || (server === 'final' && reason === 'request.session_unknown');
}
