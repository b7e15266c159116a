/** Calls over HTTP+SSE at the edge that has their stream, with and without a bus. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { methodLabel } from '@causeway/protocol';
import { Counts, createMetrics, Durations, fakeTime, silentLog } from '@causeway/runtime';
import type { EdgeContext } from '../../src/context.ts';
import { StreamCalls } from '../../src/session/stream-calls.ts';

function setting() {
  const time = fakeTime();
  const bus = { status: 'connected' };
  const told: string[] = [];
  const durations = new Durations(time.clock, methodLabel);
  const edge = { ...time, log: silentLog(), cluster: { bus }, durations, told: new Counts() } as unknown as EdgeContext;
  const calls = new StreamCalls(edge, 'git', (error) => {
    const { id, error: what } = JSON.parse(error.toString()) as { id: unknown; error: { data: { reason: string; executed: string } } };
    told.push(`${JSON.stringify(id)} ${what.data.reason} ${what.data.executed}`);
  });
  return { time, bus, told, calls, edge };
}

const answer = { t: 'server', seq: 1, call: 7 } as const;

test('a call that runs when the bus is lost is told its deadline in time, and its answer of later is not passed on', () => {
  const { time, bus, told, calls } = setting();
  calls.hear({ t: 'pending', call: 7, id: '"a"', due: 20_000 });
  calls.hear({ t: 'pending', call: 8, id: '1', due: 20_000 });
  bus.status = 'disconnected';
  assert.equal(calls.passes({ t: 'server', seq: 1, call: 8 }), true, 'it came before');
  time.advance(24_000);
  assert.deepEqual(told, []);
  time.advance(1_500);
  assert.deepEqual(told, ['"a" server.deadline unknown']);
  assert.equal(calls.passes(answer), false);
  assert.equal(calls.passes({ t: 'server', seq: 2 }), true);
});

test('while there is a bus the owner speaks for itself, however late', () => {
  const { time, bus, told, calls } = setting();
  calls.hear({ t: 'pending', call: 7, id: '1', due: 1_000 });
  time.advance(60_000);
  assert.deepEqual(told, []);
  assert.equal(calls.passes(answer), true);
  bus.status = 'disconnected';
  time.advance(60_000);
  assert.deepEqual(told, []);
});

test('a call that was cancelled, and one whose stream is over, are told nothing', () => {
  const { time, bus, told, calls } = setting();
  bus.status = 'disconnected';
  for (const call of [1, 2]) calls.hear({ t: 'pending', call, id: '1', due: 1_000 });
  calls.hear({ t: 'pending', call: 1 });
  calls.left();
  time.advance(60_000);
  assert.deepEqual(told, []);
});

test('how long each took, and how it failed, is counted once', async () => {
  const { time, bus, calls, edge } = setting();
  for (const call of [1, 2, 3, 4]) calls.hear({ t: 'pending', call, id: '1', due: 1_000, method: 'tools/call' });
  calls.hear({ t: 'pending', call: 5, id: '1', due: 1_000, method: 'whatever a client names' });
  time.advance(40);
  calls.passes({ t: 'server', seq: 1, call: 1 });
  calls.passes({ t: 'server', seq: 2, call: 2, failed: '-32602' });
  calls.hear({ t: 'pending', call: 3 });
  bus.status = 'disconnected';
  time.advance(60_000);
  calls.passes({ t: 'server', seq: 3, call: 4, failed: 'server.deadline' });
  calls.left();
  const metrics = createMetrics();
  metrics.add(edge.durations.figure('x', ''));
  assert.deepEqual(
    (await metrics.text()).split('\n').filter((line) => line.startsWith('x_seconds_count')),
    [
      'mcp_method_name="tools/call"} 1',
      'mcp_method_name="tools/call",error_type="-32602"} 1',
      'mcp_method_name="tools/call",error_type="cancelled"} 1',
      'mcp_method_name="tools/call",error_type="server.deadline"} 1',
      'mcp_method_name="_other",error_type="server.deadline"} 1',
    ].map((rest) => `x_seconds_count{causeway_server="git",${rest}`),
  );
  assert.deepEqual([...edge.told], [['server.deadline', 2]]);
});
