/** The permissions in docs/subjects.md are enough for each role, and no more than is said. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { ANONYMOUS, CausewayError, newEdgeId, newWorkerId, type SessionToken } from '@causeway/protocol';
import { BusError, openNatsCluster, startNats, subjects, type Cluster, type Nats } from '@causeway/cluster';
import { connect, PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';
import { hear, until } from '../src/contract/world.ts';

const names = subjects();
const [edgeId, workerId, token] = [newEdgeId(), newWorkerId(), 'abcdefghijklmnopqrstuv' as SessionToken];

const warnings: string[] = [];

describe('roles', () => {
  let nats: Nats;
  let edge: Cluster;
  let worker: Cluster;
  const open = (user: string, inbox: string): Promise<Cluster> =>
    openNatsCluster({
      servers: nats.urls,
      name: user,
      inbox,
      credentials: { user, password: user },
      connectDeadline: 5_000,
      warn: (message) => void warnings.push(message),
    });

  before(async () => {
    const text = await readFile(new URL('../../../docs/subjects.md', import.meta.url), 'utf8');
    const block = /```\n(authorization \{\n[^]*?)```/.exec(text)![1]!;
    nats = await startNats({ nodes: 1, config: block.replaceAll(/\$([A-Z]+)_PASSWORD/g, (_, role: string) => role.toLowerCase()) });
    await assert.rejects(open('worker', names.workerInbox(workerId)), /cw_workers|cw_sessions|cw_cluster/);
    await (await open('bootstrap', 'cw.boot.1'))[Symbol.asyncDispose]();
    [edge, worker] = await Promise.all([open('edge', names.edgeInbox(edgeId)), open('worker', names.workerInbox(workerId))]);
  });
  after(async () => {
    await Promise.all([edge?.[Symbol.asyncDispose](), worker?.[Symbol.asyncDispose]()]);
    await nats[Symbol.asyncDispose]();
  });

  it('are enough to talk, small and large, and to be told of nobody', async () => {
    const large = Buffer.alloc(1_000_000, 0x20);
    await worker.bus.subscribe(names.workerAll(workerId), ({ data, reply }) => reply && worker.bus.publish(reply, data));
    const heard = await hear(edge.bus, names.edgeAll(edgeId));
    assert.ok((await edge.bus.request(names.open(workerId), large, { deadline: 5_000 })).data.equals(large));
    assert.ok((await edge.bus.request(names.control(workerId), large, { deadline: 5_000 })).data.equals(large));
    for (const subject of [
      names.sessionIn(workerId, { token, epoch: 1 }),
      names.sessionControl(workerId, { token, epoch: 1 }),
      names.control(workerId),
      names.streamLost(workerId, { token, epoch: 1 }, 'g1', 1, 1),
    ]) {
      edge.bus.publish(subject, large, names.stream(edgeId, 'g1'));
    }
    await heard.count(4);
    edge.bus.publish(names.open(newWorkerId()), Buffer.from('{}'), names.stream(edgeId, 'g2'));
    await heard.count(5);
    assert.deepEqual(
      heard.messages.map(({ kind }) => kind),
      ['data', 'data', 'data', 'data', 'undelivered'],
    );
  });

  it('are enough for bundles, there and back', async () => {
    const [other, many] = [newWorkerId(), 20];
    await worker.bus.subscribe(names.workerAll(other), ({ data, reply }) => reply && worker.bus.publish(reply, data));
    const heard = await hear(edge.bus, names.edgeAll(edgeId));
    for (let nth = 0; nth < many; nth += 1)
      edge.bus.publish(names.sessionIn(other, { token, epoch: 1 }), Buffer.from(`{${nth}`), names.stream(edgeId, `g${nth}`));
    await heard.count(many);
    heard.stop();
    assert.deepEqual(
      heard.messages.map(({ kind, data }) => `${kind} ${data.toString()}`),
      Array.from({ length: many }, (_, nth) => `data {${nth}`),
    );
  });

  it('are enough for leases, session records and the key', async () => {
    const record = { v: 1, worker: workerId, host: 'h', version: '1', capacity: 1, draining: false, servers: {} } as const;
    await using lease = await worker.ledger.lease(record);
    await until(
      'the record',
      (listener) => edge.ledger.onChange(listener),
      () => edge.ledger.workers().has(workerId),
    );
    await lease[Symbol.asyncDispose]();
    await until(
      'its end',
      (listener) => edge.ledger.onChange(listener),
      () => !edge.ledger.workers().has(workerId),
    );
    const session = {
      v: 1,
      server: 's',
      identity: ANONYMOUS,
      owner: workerId,
      epoch: 1,
      revision: 'r',
      initialize: { params: '{}', result: '{}' },
      created: 1,
      transport: 'streamable',
    } as const;
    const revision = await worker.sessions.create(token, session);
    assert.ok(revision);
    assert.deepEqual((await edge.sessions.get(token))?.record, session);
    assert.equal(await worker.sessions.delete(token, revision), true);
    assert.ok((await edge.sessions.signingKey()).equals(await worker.sessions.signingKey()));
  });

  it('let a worker learn whether another is there, and take its record away when it is not', async () => {
    const gone = worker.bus.request(names.alive(newWorkerId()), Buffer.from('{}'), { deadline: 5_000 });
    await assert.rejects(gone, (error: unknown) => error instanceof BusError && error.failure === 'no_responders');
    assert.equal((await worker.sessions.tend()).id, (await worker.sessions.look()).id);
    await worker.sessions.sweep();
    assert.equal(await worker.ledger.depose(newWorkerId(), { left: true }), true);
  });

  it('let a worker ask another for a place, and be answered', async () => {
    const gone = worker.bus.request(names.room(newWorkerId()), Buffer.from('{}'), { deadline: 5_000 });
    await assert.rejects(gone, (error: unknown) => error instanceof BusError && error.failure === 'no_responders');
    const heard = Promise.withResolvers<string>();
    const all = await worker.bus.subscribe(names.workerAll(workerId), ({ subject, reply }) => heard.resolve(`${subject} ${reply}`));
    worker.bus.publish(names.roomAnswer(workerId, 7), Buffer.from('{}'));
    assert.equal(await heard.promise, `${names.roomAnswer(workerId, 7)} undefined`);
    all.unsubscribe();
  });

  it('keep an edge from listening to workers, and a worker from listening to edges; the error says what is missing', async () => {
    const refused = (error: unknown): boolean =>
      error instanceof CausewayError && /does not permit .*docs\/subjects\.md/.test(error.message);
    for (const subject of ['>', 'cw.>', 'cw.w.>', names.workerAll(workerId), `${names.workerInbox(workerId)}.>`])
      await assert.rejects(
        edge.bus.subscribe(subject, () => undefined),
        refused,
      );
    for (const subject of ['>', 'cw.>', 'cw.e.>', names.edgeAll(edgeId).replace('e', 'er')])
      await assert.rejects(
        worker.bus.subscribe(subject, () => undefined),
        refused,
      );
  });

  it('keep a worker from calling another, and an edge from writing records', async () => {
    await assert.rejects(worker.bus.request(names.open(workerId), Buffer.from('{}'), { deadline: 300 }), BusError);
    assert.match(warnings.join('\n'), /Permissions Violation for Publish to "cw\.w\..*\.open"/);
    const violations = async (user: string, attempts: readonly string[]): Promise<readonly string[]> => {
      const nc: NatsConnection = await connect({ servers: [...nats.urls], user, pass: user });
      const seen: string[] = [];
      const following = (async () => {
        for await (const status of nc.status())
          if (status.type === 'error' && status.error instanceof PermissionViolationError) seen.push(status.error.subject);
      })();
      for (const subject of attempts) nc.publish(subject, 'x');
      await nc.flush();
      await nc.close();
      await following;
      return seen;
    };
    const byEdge = [
      '$KV.cw_workers.x',
      '$KV.cw_sessions.x',
      '$JS.API.STREAM.PURGE.KV_cw_workers',
      '$JS.API.STREAM.DELETE.KV_cw_sessions',
      'cw.e.x.g.y',
      'cw.e.x.bundle',
    ];
    const byWorker = ['cw.w.x.s.y.in', 'cw.w.x.bundle', 'cw.w.x.open', 'cw.wr.x.bus.q.1', '$JS.API.STREAM.DELETE.KV_cw_workers'];
    assert.deepEqual(await violations('edge', byEdge), byEdge);
    assert.deepEqual(await violations('worker', byWorker), byWorker);
  });
});
