/** Messages of one turn to one process travel as one; nobody but the wire sees it. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { newEdgeId, newWorkerId, type EdgeId, type SessionToken, type WorkerId } from '@causeway/protocol';
import { BusError, startNats, subjects, type Bus, type Nats } from '@causeway/cluster';
import { readBundle, writeBundle } from '../../src/bundles.ts';
import { hear, routed, soon } from '../../src/contract/world.ts';
import { openNatsBus } from '../../src/nats/bus.ts';
import { connectNats } from '../../src/nats/connect.ts';
import { newPrefix } from '../support/nats-world.ts';

const TURN = 60;
const session = (nth: number): { token: SessionToken; epoch: number } => ({ token: `token-${nth}` as SessionToken, epoch: 1 });
const message = (nth: number): Buffer => Buffer.from(`{"nth":${nth}}`);

describe('bundles', () => {
  let nats: Nats;
  let owned: AsyncDisposableStack;
  let wire: NatsConnection;
  let edge: Bus;
  let worker: Bus;
  let names: ReturnType<typeof subjects>;
  let [edgeId, workerId] = ['', ''] as unknown as [EdgeId, WorkerId];

  const open = async (prefix: string, inbox: string, servers = nats): Promise<Bus> => {
    const connections = owned.use(await connectNats({ servers: servers.urls, name: inbox, inbox, prefix, gossip: false }));
    return owned.use(await openNatsBus(connections.data, { inbox: `${inbox}.bus`, bundle: (subject) => names.bundle(subject) }));
  };
  before(async () => {
    nats = await startNats({ nodes: 1 });
    wire = await connect({ servers: [...nats.urls] });
  });
  after(async () => {
    await wire.close();
    await owned.disposeAsync();
    await nats[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await owned?.disposeAsync();
    owned = new AsyncDisposableStack();
    const prefix = newPrefix();
    names = subjects(prefix);
    [edgeId, workerId] = [newEdgeId(), newWorkerId()];
    edge = await open(prefix, names.edgeInbox(edgeId));
    worker = await open(prefix, names.workerInbox(workerId));
  });

  /** What goes over the wire to `subject`, by a connection that only looks on. */
  const onWire = async (subject: string): Promise<string[]> => {
    const seen: string[] = [];
    wire.subscribe(subject, { callback: (_, { subject: to }) => void seen.push(to) });
    await wire.flush();
    return seen;
  };

  it('are no larger than what the servers take', async () => {
    await using few = await startNats({ nodes: 1, config: 'max_payload: 16384\n' });
    const [from, to] = await Promise.all([
      open(newPrefix(), names.edgeInbox(newEdgeId()), few),
      open(newPrefix(), names.workerInbox(newWorkerId()), few),
    ]);
    const heard = await hear(to, names.workerAll(workerId));
    for (let nth = 0; nth < 40; nth += 1) from.publish(names.sessionIn(workerId, session(nth)), Buffer.alloc(3_000, nth));
    await heard.count(40);
    assert.deepEqual(
      heard.messages.map(({ data }) => data[0]),
      Array.from({ length: 40 }, (_, nth) => nth),
    );
  });

  it('carry the messages of one turn to one process as one, each as it was published', async () => {
    const heard = await hear(worker, names.workerAll(workerId));
    const seen = await onWire(names.workerAll(workerId));
    const replies = names.stream(edgeId, 'g1');
    const sent = Array.from({ length: TURN }, (_, nth) => ({
      subject: nth % 3 === 0 ? names.sessionControl(workerId, session(nth % 5)) : names.sessionIn(workerId, session(nth % 5)),
      data: nth % 10 === 0 ? Buffer.alloc(0) : nth % 10 === 1 ? Buffer.of(nth % 7, 1, 2) : message(nth),
      reply: nth % 2 === 0 ? replies : undefined,
    }));
    for (const { subject, data, reply } of sent) edge.publish(subject, data, reply);
    await heard.count(TURN);
    assert.deepEqual(
      heard.messages.map(({ kind, subject, data, reply }) => ({ kind, subject, data: data.toString('hex'), reply })),
      sent.map(({ subject, data, reply }) => ({ kind: 'data', subject, data: data.toString('hex'), reply })),
    );
    await wire.flush();
    assert.equal(seen.length, 1, String(seen));
    edge.publish(names.sessionIn(workerId, session(1)), message(1));
    await heard.count(TURN + 1);
    await wire.flush();
    assert.deepEqual(seen.slice(1), [names.sessionIn(workerId, session(1))], 'one alone needs no bundle');
  });

  it('keep the order of each subject among messages of every size, to several processes at once', async () => {
    const other = newWorkerId();
    const heard = await Promise.all([workerId, other].map((id) => hear(worker, names.workerAll(id))));
    const sizes = Array.from({ length: TURN }, (_, nth) =>
      nth % 13 === 5 ? 100_000 : nth % 17 === 9 ? 700_000 : nth % 7 === 3 ? 30_000 : 40,
    );
    const data = (nth: number): Buffer => Buffer.concat([message(nth), Buffer.alloc(sizes[nth]!, 0x20)]);
    for (let nth = 0; nth < TURN; nth += 1) edge.publish(names.sessionIn(nth % 2 === 0 ? workerId : other, session(nth % 4)), data(nth));
    await Promise.all(heard.map((one) => one.count(TURN / 2)));
    for (const lane of [0, 1, 2, 3]) {
      const { subject } = { subject: names.sessionIn(lane % 2 === 0 ? workerId : other, session(lane)) };
      const came = heard.flatMap(({ messages }) => messages.filter((one) => one.subject === subject));
      const expected = Array.from({ length: TURN }, (_, nth) => nth).filter((nth) => nth % 4 === lane);
      assert.deepEqual(
        came.map((one) => Number(/\d+/.exec(one.data.toString('utf8', 0, 20))![0])),
        expected,
      );
      came.forEach((one, at) => assert.ok(one.data.equals(data(expected[at]!))));
    }
  });

  it('that reach nobody are told to everybody who named a reply address, and end requests', async () => {
    const lost = await hear(edge, names.edgeAll(edgeId));
    const asked = [0, 1, 2].map((nth) => edge.request(names.sessionControl(workerId, session(nth)), message(nth), { deadline: 5_000 }));
    for (let nth = 0; nth < TURN; nth += 1)
      edge.publish(names.sessionIn(workerId, session(nth)), message(nth), nth % 2 === 0 ? names.stream(edgeId, `g${nth}`) : undefined);
    const outcomes = await soon('an outcome', Promise.allSettled(asked), 1_000);
    for (const outcome of outcomes) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof BusError && outcome.reason.failure === 'no_responders');
    }
    await lost.count(TURN / 2, 1_000);
    assert.deepEqual(
      lost.messages.map(({ kind, subject }) => ({ kind, subject })),
      Array.from({ length: TURN / 2 }, (_, nth) => ({ kind: 'undelivered', subject: names.stream(edgeId, `g${2 * nth}`) })),
    );
  });

  it('bring nothing but what their sender may send', async () => {
    const heard = await hear(worker, names.workerAll(workerId));
    const address = names.bundle(names.call(workerId))!;
    const allowed = [names.call(workerId), names.sessionIn(workerId, session(1)), names.callControl(workerId, 'g1')];
    const forbidden = [
      names.changed(workerId),
      names.open(workerId),
      names.control(workerId),
      names.alive(workerId),
      address,
      names.streamLost(workerId, session(1), 'g1', 1, 1),
      names.callLost(workerId, 'g1', 1, 1),
      names.edgeLost(workerId, edgeId, 1),
    ];
    const posts = [...forbidden, ...allowed].map((subject) => ({ subject, payload: message(1), reply: undefined }));
    wire.publish(address, writeBundle(address, posts));
    wire.publish(address, writeBundle(address, posts).subarray(0, -3));
    wire.publish(address, Buffer.of(5, 255, 255));
    wire.publish(address, Buffer.of(5));
    await routed({ prefix: names.call(workerId) }, edge, worker);
    const came = heard.messages.map(({ subject }) => subject).filter((subject) => !subject.includes('routed'));
    assert.deepEqual(came, [...allowed, ...allowed.slice(0, -1)]);
  });

  it('bring nothing more to a listener that has enough', async () => {
    const came: string[] = [];
    const subscription = await worker.subscribe(names.workerAll(workerId), ({ data }) => {
      came.push(data.toString());
      if (came.length === 3) subscription.unsubscribe();
    });
    for (let nth = 0; nth < TURN; nth += 1) edge.publish(names.sessionIn(workerId, session(1)), message(nth));
    await routed({ prefix: names.call(newWorkerId()) }, edge, worker);
    assert.equal(came.length, 3);
  });

  it('are not overheard: who would listen beside the wildcard of the process is told so', async () => {
    for (const subject of [names.sessionIn(workerId, session(1)), names.stream(edgeId, '*')])
      await assert.rejects(
        worker.subscribe(subject, () => undefined),
        TypeError,
      );
  });

  it('say what is in them', () => {
    const address = names.bundle(names.stream(edgeId, 'g1'))!;
    const posts = [
      { subject: names.stream(edgeId, 'g1'), payload: message(1), reply: 'a.b' },
      { subject: names.stream(edgeId, 'g2'), payload: Buffer.alloc(0), reply: undefined },
    ];
    assert.deepEqual([...readBundle(address, writeBundle(address, posts))], posts);
  });
});
