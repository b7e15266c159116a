/**
 * Owns the choice of worker for a new session: power of two choices by (held + own unconfirmed) / capacity
 * over the watched records, which keeps the fullest worker within a few percent of the mean without any
 * coordination. Pure; the random source is passed in.
 */
import type { WorkerId } from '@causeway/protocol';
import type { WorkerRecord } from './ledger.ts';

export interface PlacementQuestion {
  readonly server: string;
  readonly workers: Iterable<WorkerRecord>;
  /** Opens that this edge has sent to a worker and that its record cannot show yet. */
  readonly pending: (worker: WorkerId) => number;
  /** Workers that already refused this open. */
  readonly except: ReadonlySet<WorkerId>;
  /** Workers at which the bus has just found nobody, though their records stand. */
  readonly unreached: (worker: WorkerId) => boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The worker to ask, or why there is none: `unknown` server, `none` that serves it now, or all are `full`. */
export function place(question: PlacementQuestion): WorkerRecord | 'unknown' | 'none' | 'full' {
  let known = false;
  let serving = false;
  const candidates: WorkerRecord[] = [];
  const full: WorkerRecord[] = [];
  for (const record of question.workers) {
    if (!Object.hasOwn(record.servers, question.server)) continue;
    known = true;
    if (record.draining || question.unreached(record.worker)) continue;
    serving = true;
    if (question.except.has(record.worker)) continue;
    if (held(record, question) < record.capacity) candidates.push(record);
    else full.push(record);
  }
  // A record is a moment old: where all are full by it, one is asked, which knows and can wait for a place.
  if (candidates.length === 0 && question.except.size === 0) candidates.push(...full);
  if (candidates.length === 0) return serving ? 'full' : known ? 'none' : 'unknown';
  const first = candidates[Math.floor(question.random() * candidates.length)]!;
  const second = candidates[Math.floor(question.random() * candidates.length)]!;
  return held(second, question) / second.capacity < held(first, question) / first.capacity ? second : first;
}

function held(record: WorkerRecord, question: PlacementQuestion): number {
  return record.sessions + question.pending(record.worker);
}
