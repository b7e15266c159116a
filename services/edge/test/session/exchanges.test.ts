import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryCluster } from '@causeway/cluster';
import { ANONYMOUS, newEdgeId, newWorkerId } from '@causeway/protocol';
import { fakeTime, silentLog } from '@causeway/runtime';
import { Exchanges } from '../../src/session/exchanges.ts';

test('what was sent is sent once more when the bus is back, but not to an owner that is no longer waited for', async () => {
  await using cluster = await openMemoryCluster();
  const { clock, wheel } = fakeTime();
  using exchanges = new Exchanges({ cluster, edge: newEdgeId(), clock, wheel, log: silentLog() });
  await exchanges.open();
  const exchange = exchanges.begin({ receive: () => undefined, undelivered: () => undefined, lost: () => undefined }, 60_000);
  let sent = 0;
  exchange.send(newWorkerId(), 'cw.nowhere', { t: 'info', identity: ANONYMOUS });
  exchange.repeat(() => {
    sent += 1;
  });
  cluster.setConnected(false);
  cluster.setConnected(true);
  assert.equal(sent, 1);
  exchange.unbind();
  cluster.setConnected(false);
  cluster.setConnected(true);
  assert.equal(sent, 1, 'whoever owns it next is found first');
  exchange.end();
});
