/**
 * Owns the ledger contract: each worker's one record, which is its lease, its load report and what it
 * holds under the limits, in one write. Records expire by themselves; nobody reaps.
 *
 * Invariants: a record has one writer, the worker that it names, with one write in flight; a lease is
 * judged on this process's monotonic clock from the moment the last acknowledged write was *sent*.
 */
import type { WorkerId } from '@causeway/protocol';

/** What a worker tells the cluster about a server that it can start. */
export interface ServedServer {
  /** Served at the root aliases `/mcp`, `/sse`, `/message` too. */
  readonly default: boolean;
  /** Own path as configured, e.g. `/git`; it stands beside `/servers/{name}`. */
  readonly path?: string;
  readonly recovery: 'restart' | 'end';
}

export interface WorkerRecord {
  readonly v: 1;
  readonly worker: WorkerId;
  /** Host name, for people. */
  readonly host: string;
  /** Version of the program, for people and for mixed-version checks. */
  readonly version: string;
  /** Sessions that it can hold, and holds. */
  readonly capacity: number;
  readonly sessions: number;
  readonly draining: boolean;
  /** By server name. */
  readonly servers: Readonly<Record<string, ServedServer>>;
}

export interface LeaseTimes {
  /** Milliseconds after which an unrenewed record is gone for everybody. */
  readonly ttl: number;
  /** Milliseconds between renewals. */
  readonly heartbeat: number;
  /** Milliseconds after the last acknowledged write was sent at which its owner stops by itself. Less than `ttl`. */
  readonly fence: number;
}

export const LEASE_TIMES: LeaseTimes = { ttl: 20_000, heartbeat: 2_000, fence: 14_000 };

export interface Lease extends AsyncDisposable {
  /** Fires when this worker may no longer act: the lease ran out, was taken or was given back. */
  readonly lost: AbortSignal;
  /** Milliseconds of monotonic time left before the fence; 0 when lost. */
  remaining(): number;
  /** Writes the changed record soon; several changes become one write. */
  update(change: Partial<Pick<WorkerRecord, 'sessions' | 'draining' | 'servers' | 'capacity'>>): void;
}

export interface Ledger extends AsyncDisposable {
  /** Writes the record for the first time and keeps it alive. Rejects with a CausewayError `cluster.unavailable`. */
  lease(record: WorkerRecord, times?: LeaseTimes): Promise<Lease>;
  /** The records as last seen; kept up to date by a watch, never by a scan. */
  workers(): ReadonlyMap<WorkerId, WorkerRecord>;
  /** Calls back after every change of `workers()`; returns the way to stop. */
  onChange(listener: () => void): () => void;
}
