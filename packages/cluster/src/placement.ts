/**
 * Owns the choice of worker for a new session: power of two choices by (held + own unconfirmed) / capacity
 * over the watched records, which keeps the fullest worker within a few percent of the mean without any
 * coordination. Pure; the random source is passed in.
 */
import type { WorkerId } from '@causeway/protocol';
import type { WorkerRecord } from './ledger.ts';

export interface PlacementQuestion {
  readonly server: string;
  /** Opens that this edge has sent to a worker and that its record cannot show yet. */
  pending(worker: WorkerId): number;
  /** Workers that already refused this open. */
  readonly except: ReadonlySet<WorkerId>;
  /** What keeps a worker from being asked though its record stands: it is `silent`, or the bus has just found nobody there. */
  absence(worker: WorkerId): Absence | undefined;
  /** Uniform in [0, 1). */
  random(): number;
}

export type Absence = 'silent' | 'unfound';

/**
 * The worker to ask, or why there is none: `unknown` server, `none` left that serves it now, all that are left are `full`,
 * or nobody was found at those that are.
 */
export function place(
  workers: Iterable<WorkerRecord>,
  question: PlacementQuestion,
): WorkerRecord | 'unknown' | 'none' | 'full' | 'unfound' {
  let known = false;
  let unfound = false;
  const candidates: WorkerRecord[] = [];
  const full: WorkerRecord[] = [];
  for (const record of workers) {
    if (!Object.hasOwn(record.servers, question.server)) continue;
    known = true;
    if (record.draining || question.except.has(record.worker)) continue;
    const absence = question.absence(record.worker);
    if (absence === 'unfound') unfound = true;
    if (absence !== undefined) continue;
    if (held(record, question) < record.capacity) candidates.push(record);
    else full.push(record);
  }
  // A record is a moment old: where all are full by it, one is asked, which knows and can wait for a place.
  if (candidates.length === 0 && question.except.size === 0) candidates.push(...full);
  if (candidates.length === 0) return full.length > 0 ? 'full' : unfound ? 'unfound' : known ? 'none' : 'unknown';
  const first = candidates[Math.floor(question.random() * candidates.length)]!;
  const second = candidates[Math.floor(question.random() * candidates.length)]!;
  return held(second, question) / second.capacity < held(first, question) / first.capacity ? second : first;
}

function held(record: WorkerRecord, question: PlacementQuestion): number {
  return record.sessions + question.pending(record.worker);
}
