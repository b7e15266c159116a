/**
 * Owns the list of bridges that are measured, and what a target is to a measure. Every process listens on the loopback
 * interface only, runs on the Node that runs the benchmark, and is told to log as little as a user would let it: the peers
 * nothing, Causeway its default.
 */
import type { ChildProcess } from 'node:child_process';
import { bareAlone, bareCluster } from './bare-targets.ts';
import { alone, cluster } from './causeway-targets.ts';
import type { EchoChild } from './child.ts';
import { mcpProxySse, mcpProxyStateless, mcpProxyStreamable, supergatewaySse, supergatewayStreamable } from './peer-targets.ts';
import type { Route } from './mcp.ts';

/** What a measure may ask of a target; one that does not serve it is left out of it. */
export type Feature = 'calls' | 'large' | 'opens' | 'memory' | 'stateless' | 'scale' | 'churn' | 'fleet';

export interface Target extends AsyncDisposable {
  readonly route: Route;
  /** For calls without a session. */
  readonly stateless?: Route;
  /** The processes whose trees are measured. */
  readonly roots: readonly number[];
  /** Where the inspectors of its Nodes listen. */
  readonly inspectors?: readonly string[];
  /** Its NATS, where it has one. */
  readonly nats?: string;
}

export interface TargetKind {
  readonly name: string;
  readonly note?: string;
  readonly serves: ReadonlySet<Feature>;
  start(ground: Ground): Promise<Target>;
}

export interface Ground {
  readonly echo: EchoChild;
  /** The compiled loop of the load, if there is one. */
  readonly lanes: string | undefined;
  /** Root of the repository. */
  readonly root: string;
  /** Folder for binaries, logs and installed peers. */
  readonly cache: string;
  readonly natsServer: string | undefined;
  /** Folder into which Causeway's processes write a profile of their processor time as they end. */
  readonly profiles?: string;
  /** What runs now, to be ended with the benchmark. */
  readonly running: Set<ChildProcess>;
}

const WARM = { server: { warm: 4 }, note: '4 processes kept started (`warm`)' };
/** A session whose client is gone ends by idleness alone, and half an hour is too long to wait for. */
const CHURN = { server: { idle: '3s' }, inspected: true, note: 'sessions end after 3 s of idleness; inspector on' };
/**
 * More places than a worker has by default, and both limits said, so that everything is counted; but no few great workers: what a
 * start costs grows with the memory of the process that forks.
 */
const FLEET = {
  config: { limits: { sessions: 12_000 }, worker: { capacity: 1200 } },
  server: { limits: { sessions: 11_000 }, idle: '2h' },
  note: '10 workers of 1,200 places, 2 edges, limits of the total and of the server',
};

export const TARGETS: readonly TargetKind[] = [
  alone({ name: 'causeway', serves: ['calls', 'large', 'opens', 'memory', 'stateless'] }),
  cluster({
    name: 'causeway cluster',
    note: '1 edge, 1 worker and nats-server, three processes',
    serves: ['calls', 'large', 'opens', 'memory', 'stateless', 'scale'],
  }),
  supergatewayStreamable,
  mcpProxyStreamable,
  alone({ name: 'causeway sse', kind: 'sse', serves: ['calls', 'large', 'opens', 'memory'] }),
  supergatewaySse,
  mcpProxySse,
  mcpProxyStateless,
  alone({ name: 'causeway warm', serves: ['opens'], ...WARM }),
  cluster({ name: 'causeway cluster warm', serves: ['opens'], ...WARM }),
  cluster({ name: 'causeway cluster of 2', serves: ['scale'], note: '2 edges, 2 workers, 1 nats-server' }, 2),
  cluster({ name: 'causeway cluster of 4', serves: ['scale'], note: '4 edges, 4 workers, 1 nats-server' }, 4),
  alone({ name: 'causeway churn', serves: ['churn'], ...CHURN }),
  cluster({ name: 'causeway cluster churn', serves: ['churn'], ...CHURN }),
  bareAlone,
  bareCluster,
  cluster({ name: 'causeway fleet', serves: ['fleet'], ...FLEET }, 10, 2),
];
