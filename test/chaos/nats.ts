/**
 * Owns three nats-servers as one cluster whose wires can fail: between the servers, if asked for, and what their
 * monitoring says about connections and subscriptions.
 */
import { findNatsServer } from '@causeway/cluster';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openProxy, type Proxy } from '../harness/proxy.ts';
import { NatsNode } from './nats-node.ts';
import { send } from './wire.ts';

export interface NatsOptions {
  /** The wires between servers are proxies, so that `split` works. */
  readonly splittable?: boolean;
  /** The servers tell their clients of each other, as they do by default. */
  readonly telling?: boolean;
  /** MiB of a disk of its own for the first server. */
  readonly disk?: number;
}

export interface Connection {
  /** As the process named it, e.g. `causeway-edge-4F…:data`. */
  readonly name: string;
  /** Name of the server that it is at. */
  readonly node: string;
  readonly subjects: readonly string[];
}

export interface NatsTrio extends AsyncDisposable {
  readonly nodes: readonly NatsNode[];
  /** Cuts the wires between that server and the others, without a word or by a reset; undone by `heal`. */
  split(node: NatsNode, how?: 'silent' | 'reset'): void;
  heal(): void;
  /** What is connected to the servers that answer. */
  connections(): Promise<readonly Connection[]>;
}

const COUNT = 3;

export async function startTrio({ splittable = false, telling = false, disk }: NatsOptions = {}): Promise<NatsTrio> {
  await using stack = new AsyncDisposableStack();
  const binary = (await findNatsServer()).path;
  const directory = await mkdtemp(join(tmpdir(), 'chaos-nats-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const ports = await freePorts(COUNT * 3);
  const route = (node: number) => ports[COUNT * 2 + node]!;
  const wires: { readonly from: number; readonly to: number; readonly proxy: Proxy }[] = [];
  const nodes: NatsNode[] = [];
  for (let from = 0; from < COUNT; from++) {
    const routes: string[] = [];
    for (let to = 0; to < COUNT; to++) {
      if (to === from) continue;
      const target = `127.0.0.1:${route(to)}`;
      if (splittable) wires.push({ from, to, proxy: stack.use(await openProxy(target)) });
      routes.push(splittable ? wires.at(-1)!.proxy.address : target);
    }
    nodes.push(
      stack.use(
        new NatsNode({
          name: `n${from + 1}`,
          binary,
          directory,
          port: ports[from]!,
          monitor: ports[COUNT + from]!,
          route: route(from),
          routes,
          telling,
          ...(from === 0 && disk !== undefined ? { disk } : {}),
        }),
      ),
    );
  }
  await Promise.all(nodes.map((node) => node.start()));
  const owned = stack.move();
  return {
    nodes,
    split(node, how = 'silent') {
      const nth = nodes.indexOf(node);
      if (!splittable) throw new Error('these servers were not opened to be split');
      for (const { from, to, proxy } of wires) {
        if (from !== nth && to !== nth) continue;
        if (how === 'reset') proxy.cut();
        else proxy.silence('up', 'down');
      }
    },
    heal() {
      for (const { proxy } of wires) proxy.heal();
    },
    connections: async () => (await Promise.all(nodes.map((node) => connectionsOf(node)))).flat(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A server that lives and is busy is asked again: no answer is not none. */
async function connectionsOf(node: NatsNode, attempts = 5): Promise<readonly Connection[]> {
  if (node.pid === undefined || attempts === 0) return [];
  const url = `${node.monitor}/connz?subs=1&limit=1024`;
  const answer = await send({ agent: new Agent(), url, method: 'GET', headers: {}, signal: AbortSignal.timeout(2_000) });
  if (answer.kind === 'unanswered' || !answer.whole) return connectionsOf(node, attempts - 1);
  const { connections } = JSON.parse(answer.text) as {
    connections: readonly { readonly name?: string; readonly subscriptions_list?: readonly string[] }[];
  };
  return connections.map(({ name = '', subscriptions_list: subjects = [] }) => ({ name, node: node.name, subjects }));
}

/** Ports that were free a moment ago: servers must know each other's before they start. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
