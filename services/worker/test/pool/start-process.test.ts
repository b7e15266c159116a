import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '@causeway/protocol';
import { poolWorld, server } from './pool-world.ts';

test('for want of a turn, or of a worker that goes on, nothing is said of the server', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  for (const reason of ['limit.worker', 'cluster.draining'] as const) {
    world.refusal = new CausewayError(reason);
    await assert.rejects(pool.lease({ exclusive: true }), { reason });
  }
  assert.deepEqual(world.starts, []);
  world.refusal = new CausewayError('server.start_failed');
  await assert.rejects(pool.lease({ exclusive: true }), { reason: 'server.start_failed' });
  assert.deepEqual(world.starts, ['failed']);
  assert.equal(world.held.size, 0);
});
