/**
 * Owns the whole that faults are injected into: 3 NATS servers, 3 workers, 3 edges, each a process of its own, and
 * the way back to health. Black box: everything is started by the command line and touched by signals, by wires and
 * by what any NATS client may do.
 * Invariant: disposal fails if a process of it, or a child of one, is left.
 */
import { randomUUID } from 'node:crypto';
import { assertNoneWith } from '../harness/children.ts';
import { MARK, type ServerSpec } from '../harness/processes.ts';
import { openProxy } from '../harness/proxy.ts';
import { startTrio, type NatsOptions, type NatsTrio } from './nats.ts';
import type { NatsNode } from './nats-node.ts';
import { Unit, type Happening, type Role } from './unit.ts';

export interface WorldOptions {
  readonly servers: Readonly<Record<string, ServerSpec>>;
  readonly edges?: number;
  readonly workers?: number;
  /** Each process reaches each NATS server through a wire of its own. */
  readonly wired?: boolean;
  readonly nats?: NatsOptions;
  /** Further settings of every configuration file. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface World extends AsyncDisposable {
  readonly nats: NatsTrio;
  readonly edges: readonly Unit[];
  readonly workers: readonly Unit[];
  /** Value of MARK in everything that belongs to it. */
  readonly mark: string;
  /** What was done to whom. */
  readonly journal: readonly Happening[];
  /** Origins of the edges that run; what a balancer that looks at its edges would offer. */
  bases(): readonly string[];
  /** The server's life is over until `heal` or `startNode`. */
  killNode(node: NatsNode): Promise<void>;
  startNode(node: NatsNode): Promise<void>;
  /** Cuts the wires between that server and the others, without a word. */
  splitNode(node: NatsNode): void;
  /** Starts what is gone, continues what is stopped, heals every wire. */
  heal(): Promise<void>;
}

export async function openWorld(options: WorldOptions): Promise<World> {
  // Each process adds a listener that takes it along when the test ends early.
  process.setMaxListeners(64);
  await using stack = new AsyncDisposableStack();
  const mark = randomUUID();
  const journal: Happening[] = [];
  stack.defer(() => assertNoneWith(MARK, mark));
  const nats = stack.use(await startTrio(options.nats));
  const unit = async (role: Role, nth: number): Promise<Unit> => {
    const wires = options.wired === true ? await Promise.all(nats.nodes.map(({ address }) => openProxy(address))) : [];
    for (const wire of wires) stack.use(wire);
    const { servers, config = {} } = options;
    return stack.use(
      new Unit({
        ...{ role, name: `${role} ${nth + 1}`, mark, nodes: nats.nodes, wires, config, journal },
        ...(role === 'worker' ? { servers } : {}),
      }),
    );
  };
  const many = (role: Role, count: number) => Promise.all(Array.from({ length: count }, (_, nth) => unit(role, nth)));
  const workers = await many('worker', options.workers ?? 3);
  const edges = await many('edge', options.edges ?? 3);
  // Workers first: an edge that starts after them finds their records when it opens its watch.
  await all(workers.map((one) => one.start()));
  await all(edges.map((one) => one.start()));
  const owned = stack.move();
  const tell = (node: NatsNode, what: Happening['what']) => journal.push({ at: Date.now(), role: 'nats', name: node.name, id: '', what });
  const split = new Set<NatsNode>();
  const startNode = async (node: NatsNode) => {
    await node.start();
    tell(node, 'started');
  };
  return {
    nats,
    edges,
    workers,
    mark,
    journal,
    bases: () => edges.filter(({ state }) => state === 'running').map(({ base }) => base),
    async killNode(node) {
      tell(node, 'killed');
      await node.kill();
    },
    startNode,
    splitNode(node) {
      tell(node, 'parted');
      nats.split(node);
      split.add(node);
    },
    async heal() {
      nats.heal();
      for (const node of split) tell(node, 'healed');
      split.clear();
      for (const node of nats.nodes) node.signal('SIGCONT');
      await all(nats.nodes.filter(({ pid }) => pid === undefined).map(startNode));
      const units = [...workers, ...edges];
      for (const one of units) {
        if (one.wires.length > 0) one.heal();
        if (one.state === 'stopped') one.cont();
      }
      await all(units.filter(({ state }) => state === 'gone').map((one) => one.start()));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Waits for all of them even when one fails: nothing is still on its way when the whole is disposed of. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) if (outcome.status === 'rejected') throw outcome.reason;
}
