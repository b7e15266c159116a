/** A session's record as its owner writes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionRecord, SessionRecords } from '@causeway/cluster';
import { ANONYMOUS, newWorkerId, type SessionToken } from '@causeway/protocol';
import { Ownership } from '../../src/session/ownership.ts';

test('however often a record changes while a write waits, one write more takes it all', async () => {
  const written: (string | undefined)[] = [];
  let go = Promise.withResolvers<void>();
  const records = {
    generation: undefined,
    create: async () => 1,
    replace: async (_token: SessionToken, { standing }: SessionRecord, revision: number) => {
      await go.promise;
      written.push(standing?.level);
      return revision + 1;
    },
  } as unknown as SessionRecords;
  const ownership = new Ownership(records, '1'.repeat(22) as SessionToken, () => assert.fail());
  await ownership.create({
    ...{ v: 1, server: 's', identity: ANONYMOUS, owner: newWorkerId(), epoch: 1, revision: '2025-06-18', created: 0 },
    ...{ initialize: { params: '{}', result: '{}' }, transport: 'streamable' },
  });
  const change = (level: string): void => ownership.change({ standing: { subscriptions: [], level } });
  change('first');
  await new Promise((resolve) => setImmediate(resolve));
  for (let nth = 0; nth < 1_000; nth += 1) change(`level ${nth}`);
  go.resolve();
  go = Promise.withResolvers();
  go.resolve();
  while (written.length < 2) await new Promise((resolve) => setImmediate(resolve));
  for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(written, ['first', 'level 999']);
});
