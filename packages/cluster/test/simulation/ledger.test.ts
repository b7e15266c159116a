import { test } from 'node:test';
import { runSchedules } from '../../src/simulation/index.ts';

test('random schedules of the ledger: never more than the limit, never a count without a holder', async () => {
  console.log(`# ${await runSchedules(new URL('ledger.ts', import.meta.url), 2_000)}`);
});
