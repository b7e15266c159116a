import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, folder, load } from './loading.ts';

test('a time that nothing works without is above 0', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': `streams: { heartbeat: 0 }
servers:
  a: { command: x, startTimeout: 0s, requestTimeout: 0, idle: 0, age: "0", pool: { parked: 0.1ms } }
`,
  });
  assert.deepEqual(faultsOf({ cwd }), [
    'causeway.yaml:1:23  streams.heartbeat: must be above 0 (at most 24d)',
    'causeway.yaml:3:34  servers.a.startTimeout: must be above 0 (at most 24d)',
    'causeway.yaml:3:54  servers.a.requestTimeout: must be above 0 (at most 24d)',
    'causeway.yaml:3:63  servers.a.idle: must be above 0 (at most 24d)',
    'causeway.yaml:3:71  servers.a.age: must be above 0 (at most 24d)',
    'causeway.yaml:3:92  servers.a.pool.parked: must be above 0 (at most 24d)',
  ]);
  assert.deepEqual(
    faultsOf({
      cwd: import.meta.dirname,
      env: { CAUSEWAY_STREAMS_HEARTBEAT: '0' },
      overrides: [
        { path: 'servers.*.idle', value: '0ms', origin: '--sessionTimeout' },
        { path: 'servers.*.requestTimeout', value: 'never', origin: '--request-timeout' },
      ],
    }),
    [
      'CAUSEWAY_STREAMS_HEARTBEAT  must be above 0 (at most 24d)',
      '--sessionTimeout  must be above 0 (at most 24d)',
      '--request-timeout  not a duration: "never" (30s, 5m, 1h30m, 250ms, or seconds; at most 24d)',
    ],
  );
});

test('0 stays where it says something: at once, or not at all', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': `worker: { grace: 0 }
streams: { retry: 0, journalAge: 0 }
drain: { timeout: 0, delay: 0 }
servers: { a: { command: x, pool: { idle: 0 }, idle: 24d } }
`,
  });
  const { worker, streams, drain, servers } = load({ cwd }).config;
  assert.deepEqual(
    [worker.grace, streams.retry, streams.journalAge, drain.timeout, drain.delay, servers['a']!.pool.idle],
    [0, 0, 0, 0, 0, 0],
  );
});
