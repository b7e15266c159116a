import { test } from 'node:test';
import { runSchedules } from '@causeway/cluster/simulation';

test('random schedules of sessions: one owner at a time, nothing runs twice or late, what was not ended goes on', async () => {
  console.log(`# ${await runSchedules(new URL('sessions.ts', import.meta.url), 2_000)}`);
});
