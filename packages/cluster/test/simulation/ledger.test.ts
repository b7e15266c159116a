import { test } from 'node:test';
import { runSchedules } from './run.ts';

test('random schedules of the ledger: never more than the limit, never a count without a holder', () =>
  runSchedules(new URL('ledger.ts', import.meta.url), 2_000));
