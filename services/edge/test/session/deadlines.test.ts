/** Calls over HTTP+SSE at the edge that has their stream, with and without a bus. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeTime, silentLog } from '@causeway/runtime';
import type { EdgeContext } from '../../src/context.ts';
import { Deadlines } from '../../src/session/deadlines.ts';

function setting() {
  const time = fakeTime();
  const bus = { status: 'connected' };
  const told: string[] = [];
  const edge = { wheel: time.wheel, log: silentLog(), cluster: { bus } } as unknown as EdgeContext;
  const deadlines = new Deadlines(edge, (error) => {
    const { id, error: what } = JSON.parse(error.toString()) as { id: unknown; error: { data: { reason: string; executed: string } } };
    told.push(`${JSON.stringify(id)} ${what.data.reason} ${what.data.executed}`);
  });
  return { time, bus, told, deadlines };
}

const answer = { t: 'server', seq: 1, call: 7 } as const;

test('a call that runs when the bus is lost is told its deadline in time, and its answer of later is not passed on', () => {
  const { time, bus, told, deadlines } = setting();
  deadlines.hear({ t: 'pending', call: 7, id: '"a"', due: 20_000 });
  deadlines.hear({ t: 'pending', call: 8, id: '1', due: 20_000 });
  bus.status = 'disconnected';
  assert.equal(deadlines.passes({ t: 'server', seq: 1, call: 8 }), true, 'it came before');
  time.advance(24_000);
  assert.deepEqual(told, []);
  time.advance(1_500);
  assert.deepEqual(told, ['"a" server.deadline unknown']);
  assert.equal(deadlines.passes(answer), false);
  assert.equal(deadlines.passes({ t: 'server', seq: 2 }), true);
});

test('while there is a bus the owner speaks for itself, however late', () => {
  const { time, bus, told, deadlines } = setting();
  deadlines.hear({ t: 'pending', call: 7, id: '1', due: 1_000 });
  time.advance(60_000);
  assert.deepEqual(told, []);
  assert.equal(deadlines.passes(answer), true);
  bus.status = 'disconnected';
  time.advance(60_000);
  assert.deepEqual(told, []);
});

test('a call that was cancelled, and one whose stream is over, are told nothing', () => {
  const { time, bus, told, deadlines } = setting();
  bus.status = 'disconnected';
  for (const call of [1, 2]) deadlines.hear({ t: 'pending', call, id: '1', due: 1_000 });
  deadlines.hear({ t: 'pending', call: 1 });
  deadlines.end();
  time.advance(60_000);
  assert.deepEqual(told, []);
});
