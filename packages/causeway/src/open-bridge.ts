/**
 * Owns putting the services together: what `run`, `edge`, `worker` and `createBridge` start. Each part is given its own
 * group of the configuration. Keeps: whatever fails half-way, nothing stays open; NATS is loaded only when it is used.
 */
import type { Bus, Cluster, NatsClusterOptions, NatsCredentials } from '@causeway/cluster';
import type { Config } from '@causeway/config';
import type { Edge } from '@causeway/edge';
import { newEdgeId, newWorkerId, type EdgeId, type WorkerId } from '@causeway/protocol';
import { addProcessFigures, createMetrics, type Health, type Log, type Metrics } from '@causeway/runtime';
import type { Worker } from '@causeway/worker';
import { logLosses, natsReports } from './nats-news.ts';
import { isOwn, openOwnNats } from './own-nats.ts';
import { VERSION } from './version.ts';

/** The figures of a process of ours. */
export function processMetrics(role: 'run' | 'edge' | 'worker'): Metrics {
  const metrics = createMetrics();
  addProcessFigures(metrics, { version: VERSION, role });
  return metrics;
}

/** The figure of every bus that is given to what is returned; 0 before the first. */
export function addBusFigure(metrics: Metrics): (bus: Pick<Bus, 'status'>) => void {
  const buses: Pick<Bus, 'status'>[] = [];
  metrics.add({
    name: 'causeway.bus.connected',
    text: '1 while this process is connected to its bus, else 0.',
    kind: 'gauge',
    read: () => [{ value: buses.length > 0 && buses.every(({ status }) => status === 'connected') ? 1 : 0 }],
  });
  return (bus) => void buses.push(bus);
}

export interface EdgeExtras {
  readonly id?: EdgeId;
  readonly health?: Health;
  readonly metrics?: Metrics;
}

export async function openEdgeOn(
  cluster: Cluster,
  config: Config,
  log: Log,
  { id = newEdgeId(), ...extras }: EdgeExtras = {},
): Promise<Edge> {
  const { openEdge } = await import('@causeway/edge');
  const { listen, diagnostics, admin, http, auth, streams, drain } = config;
  return openEdge({ cluster, log, id, ...extras }, { listen, diagnostics, admin, http, auth, streams, drain });
}

export interface WorkerExtras {
  readonly id?: WorkerId;
  readonly health?: Health;
  readonly metrics?: Metrics;
}

export async function openWorkerOn(
  cluster: Cluster,
  config: Config,
  log: Log,
  { id = newWorkerId(), ...extras }: WorkerExtras = {},
): Promise<Worker> {
  const { openWorker } = await import('@causeway/worker');
  const { diagnostics, servers, limits, worker, streams, drain } = config;
  return openWorker({ cluster, log, id, version: VERSION, ...extras }, { diagnostics, servers, limits, worker, streams, drain });
}

/** A cluster within one process. */
export async function openMemory(config: Config): Promise<Cluster> {
  const { openMemoryCluster } = await import('@causeway/cluster');
  return openMemoryCluster({ limits: { maxMessageBytes: config.streams.maxMessage } });
}

type Part = { readonly edge: EdgeId } | { readonly worker: WorkerId };

interface OverNats {
  readonly config: Config;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A cluster over NATS, under the name of the part that lives in it. Rejects with a CausewayError `cluster.unavailable` when no
 * server of `nats` answers, and with the signal's reason at once.
 */
export async function openNatsFor(part: Part, { config, log: whole, signal }: OverNats): Promise<Cluster> {
  const { openNatsCluster, subjects } = await import('@causeway/cluster');
  const { nats, streams } = config;
  if (nats === undefined) throw new TypeError('this configuration has no NATS servers');
  const names = subjects(nats.prefix);
  const [kind, id, inbox] =
    'edge' in part ? ['edge', part.edge, names.edgeInbox(part.edge)] : ['worker', part.worker, names.workerInbox(part.worker)];
  const log = whole.child({ scope: 'nats', ...part });
  const cluster = await openNatsCluster({
    ...natsOptions(nats),
    name: `causeway-${kind}-${id}`,
    inbox,
    warn: natsReports(log),
    limits: { maxMessageBytes: streams.maxMessage },
    ...(signal === undefined ? {} : { signal }),
  });
  logLosses(cluster.bus, log);
  return cluster;
}

/** Where NATS is and who we are to it. */
export function natsOptions(
  nats: NonNullable<Config['nats']>,
): Pick<NatsClusterOptions, 'servers' | 'prefix' | 'credentials' | 'tls' | 'replicas'> {
  const credentials = credentialsOf(nats);
  return {
    servers: nats.servers,
    prefix: nats.prefix,
    ...(credentials === undefined ? {} : { credentials }),
    ...(nats.tls === undefined ? {} : { tls: nats.tls }),
    ...(nats.replicas === undefined ? {} : { replicas: nats.replicas }),
  };
}

function credentialsOf({ user, password, token, credsFile, nkeyFile }: NonNullable<Config['nats']>): NatsCredentials | undefined {
  if (user !== undefined && password !== undefined) return { user, password };
  if (token !== undefined) return { token };
  if (credsFile !== undefined) return { credsFile };
  return nkeyFile === undefined ? undefined : { nkeyFile };
}

export interface OpenBridge extends AsyncDisposable {
  readonly edge: Edge;
  readonly worker: Worker;
}

/** An edge and a worker in this process. Rejects with Node's error when the address cannot be listened on. */
export async function openBridge(given: Config, log: Log, signal?: AbortSignal): Promise<OpenBridge> {
  await using stack = new AsyncDisposableStack();
  const config =
    given.nats !== undefined && isOwn(given.nats) ? { ...given, nats: stack.use(await openOwnNats(given.nats, log)).config } : given;
  const ids = { edge: newEdgeId(), worker: newWorkerId() };
  const metrics = processMetrics('run');
  const has = addBusFigure(metrics);
  const shared = config.nats === undefined ? stack.use(await openMemory(config)) : undefined;
  const clusterOf = async (part: Part): Promise<Cluster> => {
    const cluster = shared ?? stack.use(await openNatsFor(part, { config, log, signal }));
    has(cluster.bus);
    return cluster;
  };
  const worker = stack.use(await openWorkerOn(await clusterOf({ worker: ids.worker }), config, log, { id: ids.worker, metrics }));
  const edge = stack.use(await openEdgeOn(await clusterOf({ edge: ids.edge }), config, log, { id: ids.edge, metrics }));
  const owned = stack.move();
  return { edge, worker, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * Drains edge and worker side by side, within `ms` milliseconds: the one waits for answers, the other gives them. A client
 * that was asked in the middle of a call would find nobody here any more.
 */
export async function drainBoth({ edge, worker }: OpenBridge, ms: number): Promise<void> {
  await Promise.all([edge.drain(ms), worker.drain(ms, true)]);
}

/** For the log. */
export function otherListeners({ diagnosticsUrl: diagnostics, admin }: Edge): { readonly diagnostics?: string; readonly admin?: string } {
  return { ...(diagnostics === undefined ? {} : { diagnostics }), ...(admin === undefined ? {} : { admin: admin.url }) };
}
