/**
 * The official conformance suite against three edges, two workers and three NATS servers, behind a balancer that
 * sends each request to the next edge.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { stdio2025 } from '../harness/processes.ts';
import { openFront, type Front } from '../harness/rotating.ts';
import { assertConforms } from './assert-conforms.ts';
import { REQUIRED_2025_11_25 } from './manifest.ts';

describe('conformance of a cluster without stickiness', () => {
  const stack = new AsyncDisposableStack();
  let cluster: BridgeCluster;
  let front: Front;
  before(async () => {
    cluster = stack.use(await openBridgeCluster({ servers: { surface: stdio2025() } }));
    front = stack.use(await openFront(cluster.bases));
  });
  after(() => stack.disposeAsync());

  it(REQUIRED_2025_11_25.name, async (t) => {
    await assertConforms(t, REQUIRED_2025_11_25, `${front.base}/servers/surface/mcp`);
    assert.ok(
      front.counts.every((count) => count > 20),
      front.counts.join(),
    );
  });
});
