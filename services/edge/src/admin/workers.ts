/**
 * Owns what operators see and do of workers and servers: the records that the ledger keeps current here.
 */
import { scopeOfServer, type SessionsAnswer, type StandingAnswer, type WorkerProcess, type WorkerRecord } from '@causeway/cluster';
import { CausewayError } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { askWorker } from './ask.ts';
import { allowanceOf, heldOf } from './limits.ts';

export interface WorkerView {
  readonly id: string;
  readonly host: string;
  readonly version: string;
  /** `full`: it takes no session before one ends; `draining`: none at all. */
  readonly state: 'ready' | 'full' | 'draining';
  readonly sessions: number;
  readonly capacity: number;
  /** Names of the servers that it can start. */
  readonly servers: readonly string[];
}

export interface WorkerDetail extends WorkerView {
  /** Null when it did not answer. */
  readonly process: WorkerProcess | null;
}

const ERAS = ['legacy', 'modern'] as const;
export type Era = (typeof ERAS)[number];

export interface ServerView {
  readonly name: string;
  readonly default: boolean;
  /** Its own path, if it has one. */
  readonly path: string | null;
  readonly recovery: 'restart' | 'end';
  /** The eras that it was found to speak: requests of 2026-07-28 (`modern`), sessions (`legacy`). Null: not found out yet. */
  readonly eras: readonly Era[] | null;
  /** Workers that start it now. */
  readonly workers: number;
  /** In the whole cluster. */
  readonly sessions: number;
  /** Null: no limit. */
  readonly limit: number | null;
}

function viewOf(record: WorkerRecord): WorkerView {
  const { worker, host, version, sessions, capacity, servers } = record;
  const state = record.draining ? 'draining' : sessions >= capacity ? 'full' : 'ready';
  return { id: worker, host, version, state, sessions, capacity, servers: Object.keys(servers).toSorted() };
}

export function listWorkers(edge: EdgeContext): WorkerView[] {
  return [...edge.cluster.ledger.workers().values()]
    .map(viewOf)
    .toSorted((a, b) => a.host.localeCompare(b.host) || a.id.localeCompare(b.id));
}

export async function describeWorker(edge: EdgeContext, prefix: string): Promise<WorkerDetail> {
  const record = find(edge, prefix);
  const answer = await askWorker<SessionsAnswer>(edge, record.worker, { t: 'list', limit: 0 }).catch((error: unknown) => {
    if (error instanceof CausewayError && error.reason === 'cluster.owner_silent') return undefined;
    throw error;
  });
  return { ...viewOf(record), process: answer?.process ?? null };
}

/** Milliseconds until a change of a worker's record should have come round to this edge. */
const ROUND = 3_000;

/** Whether a worker takes new sessions. Resolves when it has changed its mind and this edge has learnt it; others do in a moment. */
export async function standWorker(edge: EdgeContext, prefix: string, t: 'drain' | 'resume'): Promise<WorkerView> {
  const record = find(edge, prefix);
  edge.log.info({ owner: record.worker }, t === 'drain' ? 'operator drains a worker' : 'operator resumes a worker');
  const { draining, sessions } = await askWorker<StandingAnswer>(edge, record.worker, { t });
  await seen(edge, () => edge.cluster.ledger.workers().get(record.worker)?.draining === draining);
  return viewOf({ ...record, draining, sessions });
}

export function listServers(edge: EdgeContext): ServerView[] {
  const records = [...edge.cluster.ledger.workers().values()];
  const views = [...edge.servers.all()].map((server): ServerView => {
    const serving = records.filter(({ servers }) => Object.hasOwn(servers, server.name));
    return {
      name: server.name,
      default: server.default,
      path: server.path ?? null,
      recovery: server.recovery,
      eras: erasOf(serving, server.name),
      workers: serving.filter(({ draining }) => !draining).length,
      sessions: heldOf(records, scopeOfServer(server.name)),
      limit: allowanceOf(records, scopeOfServer(server.name)),
    };
  });
  return views.toSorted((a, b) => a.name.localeCompare(b.name));
}

/** What any worker has found out. */
function erasOf(serving: readonly WorkerRecord[], server: string): readonly Era[] | null {
  const found = serving.flatMap(({ servers }) => servers[server]?.era ?? []);
  if (found.length === 0) return null;
  return ERAS.filter((era) => found.some((one) => one[era] === true));
}

/** Throws CausewayError `request.worker_unknown` or `request.ambiguous`. */
function find(edge: EdgeContext, prefix: string): WorkerRecord {
  const found = [...edge.cluster.ledger.workers().values()].filter(({ worker }) => worker.startsWith(prefix));
  if (found.length > 1) throw new CausewayError('request.ambiguous', { facts: { matches: found.map(({ worker }) => worker) } });
  if (!found[0]) throw new CausewayError('request.worker_unknown');
  return found[0];
}

/** Resolves when the ledger shows it, or after `ROUND`. */
async function seen({ cluster, wheel }: EdgeContext, shown: () => boolean): Promise<void> {
  if (shown()) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = cluster.ledger.onChange(() => shown() && resolve());
  const cancel = wheel.after(ROUND, resolve);
  await promise;
  stop();
  cancel();
}
