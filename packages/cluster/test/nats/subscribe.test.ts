/** Subscribing while the connection is lost: as at the start of a process whose NATS server is restarted meanwhile. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openNatsCluster, startNats, type Cluster, type Nats } from '@causeway/cluster';
import { hear, soon, until } from '../../src/contract/world.ts';

describe('subscribing without a connection', () => {
  let nats: Nats;
  let cluster: Cluster;
  before(async () => {
    nats = await startNats({ nodes: 1 });
    cluster = await openNatsCluster({ servers: nats.urls, prefix: 'tsub', name: 'starting', inbox: 'i.tsub' });
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });
  const becomes = (status: string): Promise<void> =>
    until(
      status,
      (listener) => cluster.bus.onStatus(listener),
      () => cluster.bus.status === status,
    );

  it('waits for one that comes back in a moment', async () => {
    await nats.nodes[0]!.kill();
    await becomes('disconnected');
    const heard = hear(cluster.bus, 'tsub.x');
    await nats.nodes[0]!.restart();
    const messages = await soon('a subscription', heard, 5_000);
    cluster.bus.publish('tsub.x', Buffer.from('{}'));
    await messages.count(1);
  });

  it('is taken up again where the connection is lost while the server is asked', async () => {
    const heard = hear(cluster.bus, 'tsub.y');
    await nats.nodes[0]!.kill();
    await nats.nodes[0]!.restart();
    const messages = await soon('a subscription', heard, 5_000);
    await becomes('connected');
    cluster.bus.publish('tsub.y', Buffer.from('{}'));
    await messages.count(1);
  });

  it('without one for long it says that the cluster is unavailable', async () => {
    await nats.nodes[0]!.kill();
    await becomes('disconnected');
    await soon('a refusal', assert.rejects(hear(cluster.bus, 'tsub.z'), { reason: 'cluster.unavailable' }), 5_000);
    await nats.nodes[0]!.restart();
    await becomes('connected');
  });
});
