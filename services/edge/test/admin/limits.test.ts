import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkerRecord } from '@causeway/cluster';
import { identityOf, type WorkerId } from '@causeway/protocol';
import { listLimits } from '../../src/admin/limits.ts';

const record = (worker: string, sessions: number, more: Partial<WorkerRecord> = {}): WorkerRecord => ({
  v: 1,
  worker: worker as WorkerId,
  host: 'h',
  version: '0',
  capacity: 4,
  sessions,
  draining: false,
  servers: { git: { default: true, recovery: 'end' } },
  holds: {},
  ...more,
});

test('every scope is added up over the workers, with what is configured', () => {
  const [team, other] = [identityOf('api-key', 'team'), identityOf('api-key', 'other')].toSorted();
  const servers = { git: { default: true, recovery: 'end', limit: 5 }, constructor: { default: false, recovery: 'end' } } as const;
  const limits = { total: 20, identity: 3 };
  const records = [
    record('w2', 1, { servers, limits, holds: { g: 1, 's:git': 1, [`i:${team}`]: 1 } }),
    record('w1', 3, { servers, limits, holds: { g: 3, 's:git': 2, 's:constructor': 1, [`i:${team}`]: 1, [`i:${other}`]: 1 } }),
  ];
  assert.deepEqual(listLimits(records), [
    { scope: 'total', used: 4, max: 20 },
    { scope: 'server:constructor', used: 1, max: null },
    { scope: 'server:git', used: 3, max: 5 },
    { scope: `identity:${team!.slice(0, 8)}`, used: 2, max: 3 },
    { scope: `identity:${other!.slice(0, 8)}`, used: 1, max: 3 },
    { scope: 'worker:w1', used: 3, max: 4 },
    { scope: 'worker:w2', used: 1, max: 4 },
  ]);
});

test('without limits there is none; nothing held is nothing; workers that are configured differently: the most', () => {
  assert.deepEqual(listLimits([]), [{ scope: 'total', used: 0, max: null }]);
  assert.deepEqual(listLimits([record('w1', 0)])[1], { scope: 'server:git', used: 0, max: null });
  const mixed = [record('w1', 0, { limits: { total: 5 } }), record('w2', 0, { limits: { total: 9 } }), record('w3', 0)];
  assert.deepEqual(listLimits(mixed)[0], { scope: 'total', used: 0, max: 9 });
});
