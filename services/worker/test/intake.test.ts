/** What comes to a worker late: a real worker with a real child. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, openMemoryCluster, type Cluster, type DownHead, type OpenHead } from '@causeway/cluster';
import { ANONYMOUS, newEdgeId, type SessionToken } from '@causeway/protocol';
import { ask, INITIALIZE, open, setting } from './real-worker.ts';

/** A cluster whose ledger says that stamps are so many milliseconds old. */
async function clusterWhere(ages: Readonly<Record<number, number>>): Promise<Cluster> {
  const cluster = await openMemoryCluster();
  cluster.ledger.age = (_, stamp) => ages[stamp] ?? 0;
  return cluster;
}

test('a request that was held up on its way is refused and not begun, and nothing else is', async (t) => {
  const here = await setting(t, { cluster: await clusterWhere({ 1: 60_000, 2: 5_000 }) });
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

test('an open that comes once more starts nothing: what was said is said again, and what has ended is not begun anew', async (t) => {
  const here = await setting(t);
  const { cluster, worker } = here;
  const session = 'twiceZZZZZZZZZZZZZZZZZ' as SessionToken;
  const to = cluster.subjects.stream(newEdgeId(), 'g1');
  const said: DownHead[] = [];
  let look = (): void => undefined;
  await cluster.bus.subscribe(to, ({ data }) => {
    said.push(decode<DownHead>(data)!.head);
    look();
  });
  const until = (test: () => boolean): Promise<void> => new Promise((resolve) => (look = () => void (test() && resolve())));
  const frame = { kind: 'request', method: 'initialize', id: { start: 22, end: 23 } } as const;
  const head = { t: 'open', server: 'git', session, identity: ANONYMOUS, stream: 'g1', transport: 'streamable', frame } as const;
  const send = (change: Partial<OpenHead> = {}): void =>
    cluster.bus.publish(cluster.subjects.open(worker.id), encode({ ...head, ...change }, INITIALIZE), to);
  const answers = (): number => said.filter((one) => one.t === 'server' && one.opened === true).length;
  send();
  send();
  await until(() => answers() === 1);
  send();
  await until(() => answers() === 2);
  assert.equal((await ask<{ readonly sessions: readonly unknown[] }>(here, { t: 'list' })).sessions.length, 1);
  await ask(here, { t: 'end', session });
  send();
  const refusals = (): readonly string[] => said.flatMap((one) => (one.t === 'no' ? [one.reason ?? ''] : []));
  await until(() => refusals().length === 1);
  assert.deepEqual(refusals(), ['cluster.owner_lost']);
  const broken = { server: 'broken', session: 'brokenZZZZZZZZZZZZZZZZ' as SessionToken };
  send(broken);
  await until(() => refusals().length === 2);
  send(broken);
  await until(() => refusals().length === 3);
  assert.deepEqual(refusals().slice(1), ['server.start_failed', 'server.start_failed']);
  assert.equal((await ask<{ readonly sessions: readonly unknown[] }>(here, { t: 'list' })).sessions.length, 0);
});
