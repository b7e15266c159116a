/** What is under way of large messages to one process never fills what a NATS server holds for its connection. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newEdgeId, newWorkerId } from '@causeway/protocol';
import { startNats, subjects, type Bus } from '@causeway/cluster';
import { hear, routed } from '../../src/contract/world.ts';
import { pattern } from '../../src/contract/bus-parts.ts';
import { openNatsBus } from '../../src/nats/bus.ts';
import { connectNats } from '../../src/nats/connect.ts';
import { newPrefix } from '../support/nats-world.ts';

describe('many large messages at once', () => {
  it('to an edge that does not read for a moment cost it nothing', async () => {
    // A server cuts off whoever leaves more than this unread; 64 MiB where nothing is set.
    await using nats = await startNats({ nodes: 1, config: 'max_pending: 4MB\n' });
    await using owned = new AsyncDisposableStack();
    const prefix = newPrefix();
    const names = subjects(prefix);
    const [edgeId, workerId] = [newEdgeId(), newWorkerId()];
    const open = async (inbox: string): Promise<Bus> => {
      const connections = owned.use(await connectNats({ servers: nats.urls, name: inbox, inbox, prefix, gossip: false }));
      return owned.use(await openNatsBus(connections.data, { inbox: `${inbox}.bus`, bundle: (subject) => names.bundle(subject) }));
    };
    const [edge, worker] = await Promise.all([open(names.edgeInbox(edgeId)), open(names.workerInbox(workerId))]);
    const world = { prefix };
    const heard = await hear(edge, names.edgeAll(edgeId));
    await routed(world, worker, edge);
    const seen: string[] = [];
    edge.onStatus((status) => seen.push(status));
    const before = heard.messages.length;
    for (let nth = 0; nth < 40; nth += 1) worker.publish(names.stream(edgeId, `s${nth}`), pattern(1_000_000, nth));
    await heard.count(before + 40, 30_000);
    assert.deepEqual(seen, [], 'the server did not cut the edge off');
    for (const { subject, data } of heard.messages.slice(before)) {
      assert.ok(data.equals(pattern(1_000_000, Number(subject.slice(subject.lastIndexOf('.s') + 2)))), subject);
    }
  });
});
