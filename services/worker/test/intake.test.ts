/** What comes to a worker late: a real worker with a real child. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, openMemoryCluster, type Cluster, type DownHead } from '@causeway/cluster';
import { ANONYMOUS, newEdgeId } from '@causeway/protocol';
import { open, setting } from './real-worker.ts';

/** A cluster whose ledger says that stamps are so many milliseconds old. */
async function clusterWhere(ages: Readonly<Record<number, number>>): Promise<Cluster> {
  const cluster = await openMemoryCluster();
  cluster.ledger.age = (_, stamp) => ages[stamp] ?? 0;
  return cluster;
}

test('a request that was held up on its way is refused and not begun, and nothing else is', async (t) => {
  const here = await setting(t, await clusterWhere({ 1: 60_000, 2: 5_000 }));
  const { cluster, worker } = here;
  const token = await open(here, 'git', 'late');
  const to = cluster.subjects.stream(newEdgeId(), 'g1');
  const send = async (kind: 'request' | 'notification', stamp: number | undefined): Promise<DownHead | undefined> => {
    const said = Promise.withResolvers<DownHead | undefined>();
    const subscription = await cluster.bus.subscribe(to, ({ data }) => said.resolve(decode<DownHead>(data)?.head));
    const id = kind === 'request' ? '"id":1,' : '';
    const frame = { kind, method: 'ping', ...(id === '' ? {} : { id: { start: 22, end: 23 } }) };
    const head = { t: 'client', identity: ANONYMOUS, stamp, frame, stream: `g${stamp}` } as const;
    cluster.bus.publish(
      cluster.subjects.sessionIn(worker.id, { token, epoch: 1 }),
      encode(head, Buffer.from(`{"jsonrpc":"2.0",${id}"method":"ping"}`)),
      to,
    );
    return said.promise.finally(() => subscription.unsubscribe());
  };
  const refused = await send('request', 1);
  assert.deepEqual([refused?.t, refused?.t === 'no' && refused.reason], ['no', 'cluster.owner_silent']);
  assert.equal((await send('request', 2))?.t, 'server');
  assert.equal((await send('request', undefined))?.t, 'server');
  assert.equal((await send('notification', 1))?.t, 'ok');
});
