/**
 * The official conformance suite against three edges, two workers and three NATS servers, behind a balancer that
 * sends each request to the next edge.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openFront, type Front } from '../harness/rotating.ts';
import { assertConforms } from './assert-conforms.ts';
import { SERVERS, TABLE, title } from './table.ts';

describe('conformance of a cluster without stickiness', () => {
  const stack = new AsyncDisposableStack();
  let cluster: BridgeCluster;
  let front: Front;
  before(async () => {
    cluster = stack.use(await openBridgeCluster({ servers: SERVERS }));
    front = stack.use(await openFront(cluster.bases));
  });
  after(() => stack.disposeAsync());

  for (const row of TABLE.filter(({ through }) => through === 'three edges')) {
    it(title(row), async (t) => {
      const before = [...front.counts];
      await assertConforms(t, row, `${front.base}/servers/${row.server}/mcp`);
      const counts = front.counts.map((count, edge) => count - before[edge]!);
      assert.ok(
        counts.every((count) => count > 20),
        counts.join(),
      );
    });
  }
});
