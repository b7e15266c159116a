/**
 * Owns the ledger contract: each worker's one record, which is its lease, its load report and what it
 * holds under the limits, in one write. Records expire by themselves; nobody reaps.
 *
 * Invariants: a record has one writer, the worker that it names, with one write in flight; a lease is
 * judged on this process's monotonic clock from the moment the last acknowledged write was *sent*.
 */
import type { WorkerId } from '@causeway/protocol';
import type { Claim, Holdings } from './admission.ts';

/** What a worker tells the cluster about a server that it can start. */
export interface ServedServer {
  /** Served at the root aliases `/mcp`, `/sse`, `/message` too. */
  readonly default: boolean;
  /** That it is the default was not written: it is its worker's only server. */
  readonly defaultImplied?: true;
  /** Own path as configured, e.g. `/git`; it stands beside `/servers/{name}`. */
  readonly path?: string;
  readonly recovery: 'restart' | 'end';
  /** Milliseconds in which its worker has started it, or had its answer to a request, or says that it could not. */
  readonly timeouts?: { readonly start: number; readonly request: number };
  /** Sessions of it that the cluster may hold, as this worker was configured. */
  readonly limit?: number;
  /** How often its worker was given another definition of it since it began; absent: never. */
  readonly edition?: number;
  /** What its worker has found out; absent: nothing, or what the configuration says. */
  readonly era?: FoundEra;
}

/** The eras of MCP that a server was found to speak, or not to; what is absent is not known. */
export interface FoundEra {
  /** Of the command: the same at another worker means the same program. */
  readonly fingerprint: string;
  /** It answers requests of 2026-07-28. */
  readonly modern?: boolean;
  /** It accepts `initialize`. */
  readonly legacy?: boolean;
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
  /** It holds nothing any more, takes nothing, and is about to go: whatever is sent to it is not taken. */
  readonly left?: true;
  /** The count of the session records' mark that it has seen (generations.ts). */
  readonly mark?: number;
  /** By server name. */
  readonly servers: Readonly<Record<string, ServedServer>>;
  /** What is held under the limits, counted anew from the permits that exist at every write. */
  readonly holds: Holdings;
  /** The limits of the whole cluster, as this worker was configured; for people. */
  readonly limits?: { readonly total?: number; readonly identity?: number };
}

/** A record as its worker begins it; what it holds follows. */
export type NewRecord = Omit<WorkerRecord, 'sessions' | 'holds'>;

export interface LeaseTimes {
  /** Milliseconds after which an unrenewed record is gone for everybody. */
  readonly ttl: number;
  /** Milliseconds between renewals. */
  readonly heartbeat: number;
  /** Milliseconds after the last acknowledged write was sent at which its owner stops by itself. Less than `ttl`. */
  readonly fence: number;
}

/** Longer than the longest election of JetStream (9 s) beside a heartbeat, and the fence before the end. */
export const LEASE_TIMES: LeaseTimes = { ttl: 20_000, heartbeat: 2_000, fence: 14_000 };

/** Heartbeats without a worker that has left, after which it may be deposed. */
export const LEFT_BEATS = 1.5;

/** Why a lease is over: it could not be renewed in time, somebody took the record away, or it was given back. */
export type LeaseLoss = 'fenced' | 'deposed' | 'returned';

/** A held place under every limit that concerns a session. */
export interface Permit {
  readonly claim: Claim;
  /** The place is free again; idempotent. */
  release(): void;
}

export interface AdmitOptions {
  /** Gives up while it waits; with its reason, if that is a CausewayError. */
  readonly signal?: AbortSignal;
  /** Milliseconds in which a place may still become free. Default 500: what a session that is being ended takes. */
  readonly patience?: number;
  /** Told when the place is lost: the record had vanished, and meanwhile others had taken all there is. */
  readonly revoked?: () => void;
}

/** What of its record a worker changes by itself; what it holds follows from its permits. */
export type RecordChange = Partial<Pick<WorkerRecord, 'draining' | 'left' | 'mark' | 'servers' | 'capacity' | 'limits'>>;

export interface Lease extends AsyncDisposable {
  /** Fires when this worker may no longer act; the reason is a `LeaseLoss`. */
  readonly lost: AbortSignal;
  /** Why the last write failed, where none was acknowledged since; `undefined` where none did, or was not even tried. */
  readonly failure: unknown;
  /** Milliseconds of monotonic time left before the fence; 0 when lost. */
  remaining(): number;
  /**
   * Whether others may have taken this worker for one that has left, since they find nobody here: the server that it is
   * at was in a minority, and the last acknowledged write is as old as `depose` asks for. The next acknowledgement ends it.
   */
  doubtful(): boolean;
  /** Resolves with the position of the next acknowledged write that is sent after this call; rejects when the lease is lost. */
  confirm(): Promise<number>;
  /** Writes the changed record soon; several changes become one write. */
  update(change: RecordChange): void;
  /**
   * A place under every limit, or a CausewayError: `limit.total`, `limit.server`, `limit.identity`, `limit.worker`
   * when there is none and none becomes free within a moment; `cluster.unavailable` when it cannot be known.
   */
  admit(claim: Claim, options?: AdmitOptions): Promise<Permit>;
}

export interface Ledger extends AsyncDisposable {
  /** Writes the record for the first time and keeps it alive. Rejects with a CausewayError `cluster.unavailable`. */
  lease(record: NewRecord, times?: LeaseTimes): Promise<Lease>;
  /** The records as last seen; kept up to date by a watch, never by a scan. */
  workers(): ReadonlyMap<WorkerId, WorkerRecord>;
  /** Milliseconds within which, as a rule, every member has seen what was written; 0 within one process. */
  readonly spread: number;
  /** How far the log of the records was seen: another number as soon as somebody has written and it was seen here. */
  readonly position: number;
  /** Nobody who lives is missing among `workers()`; for a while after all records were lost that is not certain. */
  readonly whole: boolean;
  /**
   * Resolves when everything is among `workers()` that was written before this was called: a view may be behind. It takes a
   * write under a lease of this process. Rejects with a CausewayError `cluster.unavailable`.
   */
  caughtUp(): Promise<void>;
  /** Calls back after every change of `workers()`; returns the way to stop. */
  onChange(listener: () => void): () => void;
  /** What a message to the worker bears, so that the worker can tell its age: where its record stands, as seen here. */
  stamp(worker: WorkerId): number | undefined;
  /** Milliseconds that a message with such a stamp has been on its way at least, at the worker whose lease is held here. */
  age(worker: WorkerId, stamp: number): number;
  /** Calls back with a worker whose record was not renewed for `LEFT_BEATS`, once until it is; returns the way to stop. */
  onOverdue(listener: (worker: WorkerId) => void): () => void;
  /** Whether the worker has renewed its record within the last two heartbeats and a half. */
  recentlyHeard(worker: WorkerId): boolean;
  /**
   * Takes away the record of a worker that is silent; one that is alive loses its lease by this, so it is for workers
   * at which the bus finds nobody as well. `left`: nobody was found there while it had recently been heard, as when a
   * process dies: a heartbeat and a half without it is enough. Else it may be cut off and alive, and must have passed
   * its fence. Counts only while this process listened. Resolves with whether the worker has no record now.
   */
  depose(worker: WorkerId, options: { readonly left: boolean }): Promise<boolean>;
}

/** The highest count of the session records' mark that a worker has seen. */
export function markSeen(ledger: Pick<Ledger, 'workers'>): number {
  let highest = 0;
  for (const { mark = 0 } of ledger.workers().values()) highest = Math.max(highest, mark);
  return highest;
}
