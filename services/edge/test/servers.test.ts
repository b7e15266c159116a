import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ledger, ServedServer, WorkerRecord } from '@causeway/cluster';
import { openServers } from '../src/servers.ts';

/** A ledger that holds one worker for each of `served`, and never changes. */
function ledgerOf(...served: Readonly<Record<string, Pick<ServedServer, 'path'>>>[]): Ledger {
  const records = served.map((servers, index): [string, Pick<WorkerRecord, 'servers'>] => [
    `w${index}`,
    {
      servers: Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, { default: false, recovery: 'end', ...server }])),
    },
  ]);
  return { workers: () => new Map(records), onChange: () => () => undefined } as unknown as Ledger;
}

test('one path for two servers, by workers with different files: every edge takes the same', () => {
  for (const ledger of [
    ledgerOf({ mem: { path: '/x' } }, { ev: { path: '/x' } }),
    ledgerOf({ ev: { path: '/x' } }, { mem: { path: '/x' } }),
  ]) {
    using servers = openServers(ledger);
    assert.equal(servers.atPath('/x')?.name, 'ev');
  }
});
