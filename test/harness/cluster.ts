/**
 * Owns whole bridges in tests: nats-servers, edges and workers as processes, ready together and gone together.
 * Invariant: disposal fails if a process of the cluster, or a child of one, is left.
 * Every cluster has NATS servers of its own, so that test files run side by side.
 */
import { startNats, type Nats } from '@causeway/cluster';
import { randomUUID } from 'node:crypto';
import { assertNoneWith } from './children.ts';
import { MARK, openCauseway, type Causeway, type ServerSpec } from './processes.ts';

export interface BridgeCluster extends AsyncDisposable {
  readonly nats: Nats;
  readonly edges: readonly Causeway[];
  readonly workers: readonly Causeway[];
  /** Value of MARK in all processes of the cluster and their children. */
  readonly mark: string;
  /** Origins of the edges. */
  readonly bases: readonly string[];
  /** URL of a server at one edge. */
  url(server: string, edge?: number): string;
}

export interface ClusterOptions {
  readonly servers: Readonly<Record<string, ServerSpec>>;
  readonly edges?: number;
  readonly workers?: number;
  readonly nats?: 1 | 3;
  /** Further settings of every configuration file. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Further environment of every process. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Default: 3 edges, 2 workers, 3 NATS servers. Resolves when every edge knows every server. */
export async function openBridgeCluster(options: ClusterOptions): Promise<BridgeCluster> {
  await using stack = new AsyncDisposableStack();
  const mark = randomUUID();
  const nats = stack.use(await startNats({ nodes: options.nats ?? 3 }));
  const args = ['--nats', nats.urls.join(',')];
  const { config = {}, env = {} } = options;
  const start = async (verb: 'edge' | 'worker', servers?: ClusterOptions['servers']) =>
    stack.use(await openCauseway(verb, { args, config, env, mark, ...(servers === undefined ? {} : { servers }) }));
  // Workers first: an edge that starts after them finds their records when it opens its watch.
  const workers = await settled(Array.from({ length: options.workers ?? 2 }, () => start('worker', options.servers)));
  const edges = await settled(Array.from({ length: options.edges ?? 3 }, () => start('edge')));
  const owned = stack.move();
  return {
    nats,
    edges,
    workers,
    mark,
    bases: edges.map(({ base }) => base),
    url: (server, edge = 0) => edges[edge % edges.length]!.url(server),
    async [Symbol.asyncDispose]() {
      await owned.disposeAsync();
      await assertNoneWith(MARK, mark);
    },
  };
}

/** All of them, or the first error once none is on its way any more. */
async function settled<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  const outcomes = await Promise.allSettled(work);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
