/** Figures of a worker that others place sessions by. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '@causeway/runtime';
import { Capacity } from '../src/capacity.ts';
import { addFigures } from '../src/figures.ts';
import type { WorkerOptions } from '../src/options.ts';

const OPTIONS = { worker: { capacity: 8 } as WorkerOptions['worker'] };

test('no place is free while a worker takes no session in: it drains, for an operator or for good, or has no lease', async () => {
  const metrics = createMetrics();
  const [capacity, tenure] = [new Capacity(), { held: true }];
  addFigures(metrics, { capacity, tenure, servers: { all: {} }, options: OPTIONS, held: () => 3 });
  const slots = async (): Promise<readonly number[]> => {
    const text = await metrics.text();
    return ['used', 'available', 'max'].map((name) => Number(new RegExp(`^causeway_worker_slots_${name} (\\d+)$`, 'm').exec(text)![1]));
  };
  assert.deepEqual(await slots(), [3, 5, 8]);
  capacity.paused = true;
  assert.deepEqual(await slots(), [3, 0, 8]);
  capacity.paused = false;
  tenure.held = false;
  assert.deepEqual(await slots(), [3, 0, 8]);
  tenure.held = true;
  assert.deepEqual(await slots(), [3, 5, 8]);
  capacity.leaving = true;
  assert.deepEqual(await slots(), [3, 0, 8]);
});
