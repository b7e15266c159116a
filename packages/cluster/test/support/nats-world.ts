/** Worlds over NATS for the contract suites: each member behind a relay of its own, each world under a prefix of its own. */
import { randomBytes } from 'node:crypto';
import { until } from '../../src/contract/world.ts';
import { openNatsCluster, subjects, type Bus, type BusLimits, type Cluster, type LeaseTimes, type Nats } from '@causeway/cluster';
import type { World } from '@causeway/cluster/contract';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { bucketName, streamOf } from '../../src/nats/buckets.ts';
import { openNatsBus } from '../../src/nats/bus.ts';
import { connectNats } from '../../src/nats/connect.ts';
import { openProxy } from './proxy.ts';

export const newPrefix = (): string => `t${randomBytes(5).toString('hex')}`;

interface Member<T> extends AsyncDisposable {
  readonly part: T;
  readonly bus: Bus;
}

async function natsWorld<T>(nats: Nats, open: (address: string, prefix: string, name: string) => Promise<Member<T>>): Promise<World<T>> {
  const prefix = newPrefix();
  const owned = new AsyncDisposableStack();
  let members = 0;
  return {
    prefix,
    async join() {
      const number = (members += 1);
      const proxy = owned.use(await openProxy(nats.nodes[number % nats.nodes.length]!.address));
      const member = owned.use(await open(proxy.address, prefix, `m${number}`));
      const becomes = (status: Bus['status']): Promise<void> =>
        until(
          status,
          (listener) => member.bus.onStatus(listener),
          () => member.bus.status === status,
        );
      return {
        part: member.part,
        async cut() {
          await proxy.cut();
          await becomes('disconnected');
        },
        async heal() {
          await proxy.heal();
          await becomes('connected');
        },
        async vanish() {
          await proxy.cut();
          await becomes('disconnected');
          await member[Symbol.asyncDispose]();
        },
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A bus alone: no buckets are made for it. */
export function natsBusWorld(nats: Nats, limits: Partial<BusLimits>): Promise<World<Bus>> {
  return natsWorld(nats, async (address, prefix, name) => {
    const inbox = `i.${prefix}.${name}`;
    const connections = await connectNats({ servers: [address], name, inbox, gossip: false });
    const bundle = subjects(prefix).bundle;
    const bus = await openNatsBus(connections.data, { inbox, limits, bundle });
    return {
      part: bus,
      bus,
      async [Symbol.asyncDispose]() {
        await bus[Symbol.asyncDispose]();
        await connections[Symbol.asyncDispose]();
      },
    };
  });
}

/** Whole clusters, seen as `part` of them; their buckets go with the world. */
export async function natsClusterWorld<T>(nats: Nats, part: (cluster: Cluster) => T, leaseTimes?: LeaseTimes): Promise<World<T>> {
  const world = await natsWorld(nats, async (address, prefix, name) => {
    const replicas = nats.nodes.length;
    const cluster = await openNatsCluster({
      servers: [address],
      name,
      prefix,
      inbox: `i.${prefix}.${name}`,
      gossip: false,
      replicas,
      ...(leaseTimes === undefined ? {} : { leaseTimes }),
    });
    return { part: part(cluster), bus: cluster.bus, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
  });
  return {
    ...world,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await removeBuckets(nats, world.prefix);
    },
  };
}

export async function removeBuckets(nats: Nats, prefix: string): Promise<void> {
  const nc = await connect({ servers: nats.nodes.map((node) => node.address) });
  try {
    const manager = await jetstreamManager(nc);
    const names = (['workers', 'sessions', 'cluster'] as const).map((bucket) => streamOf(bucketName(prefix, bucket)));
    await Promise.all(names.map((name) => manager.streams.delete(name).catch(() => undefined)));
  } finally {
    await nc.close();
  }
}
