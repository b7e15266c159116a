/**
 * Owns the contract of the place where the workers' records are kept: one ordered log in which each key has one
 * value. Everything above it (`tenancy.ts`, `records.ts`) is the same over NATS, in memory and in simulation.
 */
import { CausewayError, type WorkerId } from '@causeway/protocol';

/** Milliseconds for which the mark of an ended record is kept: long enough for every watcher to see it. */
export const MARKER_TTL = 5 * 60_000;

/** What must hold for a write to happen: the newest position of the whole log, or of the worker's own record (0: none). */
export type Expectation = { readonly log: number } | { readonly own: number };

/** The expectation did not hold: nothing was written. */
export class WriteConflict extends Error {
  /** The position that was found in place of the expected one, if it was told. */
  readonly sequence: number | undefined;
  constructor(sequence: number | undefined) {
    super(`the log stands at ${sequence ?? 'another position'}`);
    this.name = 'WriteConflict';
    this.sequence = sequence;
  }
}

/** Of a worker whose record could not be written in time; `cause`: why not, if that is known. */
export function unwritten(cause: unknown): CausewayError {
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  const message = `The worker could not be entered in the ledger in time${why}. Check the state of JetStream.`;
  return new CausewayError('cluster.unavailable', { message, cause });
}

export interface RecordStore {
  /** Whether a write can be sent now. */
  readonly live: boolean;
  /** `ttl`: milliseconds, `Infinity` for as long as the log. Resolves with the position; rejects with `WriteConflict`, or with anything else when the outcome is unknown. */
  put(worker: WorkerId, text: string, ttl: number, expect: Expectation): Promise<number>;
  /** Removes a record; rejects as `put` does. */
  purge(worker: WorkerId, expect: { readonly own: number }): Promise<void>;
  /** The log is not the one that was seen: looks at all of it again, and makes it anew where it is gone. */
  resync(): void;
}
