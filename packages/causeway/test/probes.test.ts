/** What a process of a cluster says of its start. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bus } from '@causeway/cluster';
import { loadConfig } from '@causeway/config';
import { silentLog } from '@causeway/runtime';
import { openProbes } from '../src/probes.ts';

test('health says what a start waits for: NATS, then what its store is to say', async (t) => {
  const { config } = loadConfig({ value: { diagnostics: { port: false } }, env: {}, cwd: '/', servers: false });
  const probes = await openProbes('worker', config, silentLog());
  t.after(() => probes[Symbol.asyncDispose]());
  const said = () => probes.health.ready().checks.map(({ name, state, note }) => [name, state, note]);
  assert.deepEqual(said(), [['start', 'failing', 'connecting to nats']]);
  const bus = { status: 'connected' as Bus['status'] };
  probes.connected(bus as Bus);
  assert.deepEqual(said(), [['start', 'failing', 'waiting for the store of nats']]);
  bus.status = 'disconnected';
  assert.deepEqual(said(), [['start', 'failing', 'connecting to nats']]);
  probes.started();
  assert.deepEqual(said(), []);
});
