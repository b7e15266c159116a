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

test('a bare number that was most probably meant as milliseconds is told, wherever it stands; seconds by the minute are not', (context) => {
  const cwd = folder(context, {
    'causeway.yaml': `streams: { heartbeat: 15000 }
drain: { timeout: 30 }
servers:
  a: { command: x, startTimeout: 2500, requestTimeout: "5000", idle: 3600, age: 86400, env: { MS: "5000" } }
`,
  });
  const env = { CAUSEWAY_DRAIN_DELAY: '5000', CAUSEWAY_MAX_BODY: '5000000', CAUSEWAY_LIMITS_SESSIONS: '2000' };
  const said = (ms: number): string => `a bare number is seconds; if these are milliseconds, write ${ms}ms, else ${ms}s`;
  assert.deepEqual(load({ cwd, env }).warnings, [
    `CAUSEWAY_DRAIN_DELAY 5000: ${said(5000)}`,
    `causeway.yaml:4:34  servers.a.startTimeout: ${said(2500)}`,
    `causeway.yaml:4:56  servers.a.requestTimeout: ${said(5000)}`,
    `causeway.yaml:1:23  streams.heartbeat: ${said(15_000)}`,
  ]);
  const of = (value: string): readonly string[] =>
    load({
      cwd: import.meta.dirname,
      overrides: [{ path: 'servers.*.requestTimeout', value, origin: '--request-timeout' }],
      commands: [{ command: 'x', args: [], origin: 'command line' }],
    }).warnings;
  assert.deepEqual(of('5000'), [`--request-timeout 5000: ${said(5000)}`]);
  for (const meant of ['5000ms', '5s', '300', '7200', '5000s']) assert.deepEqual(of(meant), []);
});
