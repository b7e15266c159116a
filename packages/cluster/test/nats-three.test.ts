/** What only a cluster shows: a first start of many at once, and the loss of the server that leads. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ANONYMOUS, newEdgeId, newWorkerId, type SessionToken } from '@causeway/protocol';
import {
  BusError,
  openNatsCluster,
  startNats,
  subjects,
  type Cluster,
  type Nats,
  type NatsClusterOptions,
  type NatsNode,
} from '@causeway/cluster';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { until } from '../src/contract/world.ts';
import { patiently } from '../src/nats/patience.ts';

const token = 'abcdefghijklmnopqrstuv' as SessionToken;
const session = {
  v: 1,
  server: 's',
  identity: ANONYMOUS,
  owner: newWorkerId(),
  epoch: 1,
  revision: 'r',
  initialize: { params: '{}', result: '{}' },
  created: 1,
  transport: 'streamable',
} as const;

describe('three nats-servers', () => {
  let nats: Nats;
  let members: readonly Cluster[];
  const open = (): Promise<Cluster> => openNatsCluster({ servers: nats.urls, name: 'test', inbox: subjects().edgeInbox(newEdgeId()) });
  const leader = async (bucket: string): Promise<NatsNode> => {
    const nc = await connect({ servers: nats.nodes.map(({ address }) => address) });
    try {
      // A question to a server that was restarted a moment ago may be lost: its routes to the others are new.
      const manager = await jetstreamManager(nc, { checkAPI: false, timeout: 2_000 });
      const { cluster } = await patiently(20_000, () => manager.streams.info(`KV_${bucket}`));
      return nats.nodes.find(({ name }) => name === cluster?.leader)!;
    } finally {
      await nc.close();
    }
  };

  before(async () => {
    nats = await startNats({ nodes: 3 });
    // before the servers have even elected a leader
    members = await Promise.all(Array.from({ length: 6 }, open));
  });
  after(async () => {
    await Promise.all(members.map((member) => member[Symbol.asyncDispose]()));
    await nats[Symbol.asyncDispose]();
  });

  it('many that start at once make the buckets once, with a copy at every server, and agree on the key', async () => {
    const keys = await Promise.all(members.map(({ sessions }) => sessions.signingKey()));
    for (const key of keys) assert.ok(key.equals(keys[0]!));
    const nc = await connect({ servers: nats.nodes.map(({ address }) => address) });
    const manager = await jetstreamManager(nc);
    for (const bucket of ['cw_workers', 'cw_sessions', 'cw_cluster'])
      assert.equal((await manager.streams.info(`KV_${bucket}`)).config.num_replicas, 3);
    await nc.close();
  });

  for (const bucket of ['cw_workers', 'cw_sessions']) {
    it(`the leader of ${bucket} is killed: no lease is lost, messages flow on, writes work again`, async () => {
      const record = {
        v: 1,
        worker: newWorkerId(),
        host: 'h',
        version: '1',
        capacity: 1,
        draining: false,
        servers: {},
      } as const;
      const leases = await Promise.all(members.map((member) => member.ledger.lease({ ...record, worker: newWorkerId() })));
      const lost: string[] = [];
      for (const lease of leases) lease.lost.addEventListener('abort', () => lost.push('lost'));
      const [a, b] = members as readonly [Cluster, Cluster];
      const stored = `${token.slice(0, -1)}${bucket.length % 10}` as SessionToken;
      assert.ok(await a.sessions.create(stored, session));
      const { revision } = (await a.sessions.get(stored))!;
      await b.bus.subscribe(`echo.${bucket}`, ({ data, reply }) => {
        if (b.bus.status === 'connected') b.bus.publish(reply!, data);
      });

      const node = await leader(bucket);
      await node.kill();
      const killed = performance.now();
      let writing = true;
      const claims = Promise.all(
        members.map((member, index) =>
          member.sessions.replace(stored, { ...session, epoch: 2, owner: newWorkerId(), created: index }, revision),
        ),
      ).finally(() => (writing = false));
      // requests go on while the buckets have no leader; a member of the killed server needs a moment to move
      let longest = 0;
      let answered = performance.now();
      while (writing) {
        const ok = await a.bus.request(`echo.${bucket}`, Buffer.from('{}'), { deadline: 1_000 }).then(
          () => true,
          (error: unknown) => assert.ok(error instanceof BusError),
        );
        if (ok === true) {
          longest = Math.max(longest, performance.now() - answered);
          answered = performance.now();
        } else if (a.bus.status !== 'connected') {
          await until(
            'connected',
            (listener) => a.bus.onStatus(listener),
            () => a.bus.status === 'connected',
          );
        }
      }
      assert.equal((await claims).filter(Boolean).length, 1, 'one of six claims wins');
      assert.ok(longest < 3_000, `${longest} ms without an answer`);
      leases[0]!.update({ capacity: 7 });
      await until(
        'a change',
        (listener) => b.ledger.onChange(listener),
        () => [...b.ledger.workers().values()].some(({ capacity }) => capacity === 7),
        15_000,
      );
      assert.deepEqual(lost, []);
      assert.ok(leases.every((lease) => lease.remaining() > 0));
      console.log(
        `# ${bucket}: written again ${Math.round(performance.now() - killed)} ms after the kill; longest silence of the bus ${Math.round(longest)} ms`,
      );
      await node.restart();
      await Promise.all(leases.map((lease) => lease[Symbol.asyncDispose]()));
    });
  }
});

describe('copies of the buckets', () => {
  const open = async (nats: Nats, options: Partial<NatsClusterOptions> = {}): Promise<readonly (number | undefined)[]> => {
    const servers = nats.urls.slice(0, 1);
    const cluster = await openNatsCluster({ servers, name: 'test', inbox: subjects().edgeInbox(newEdgeId()), ...options });
    await cluster[Symbol.asyncDispose]();
    const nc = await connect({ servers: nats.nodes[0]!.address });
    const manager = await jetstreamManager(nc);
    const infos = await Promise.all(['workers', 'sessions', 'cluster'].map((bucket) => manager.streams.info(`KV_cw_${bucket}`)));
    await nc.close();
    return infos.map(({ config }) => config.num_replicas);
  };

  it('three in a cluster of which one address is known and which tells of no other; those made with fewer are given more', async () => {
    await using nats = await startNats({ nodes: 3, advertise: false });
    assert.deepEqual(await open(nats, { replicas: 1 }), [1, 1, 1]);
    assert.deepEqual(await open(nats), [3, 3, 3]);
    assert.deepEqual(await open(nats, { replicas: 1 }), [3, 3, 3], 'never fewer');
  });

  it('one where servers are missing for longer than a start takes, and a warning that says so', async () => {
    await using nats = await startNats({ nodes: 2 });
    const warnings: string[] = [];
    assert.deepEqual(await open(nats, { warn: (text) => void warnings.push(text), connectDeadline: 20_000 }), [1, 1, 1]);
    assert.match(warnings.join('\n'), /^The buckets have 1 of 3 copies/m);
  });
});
