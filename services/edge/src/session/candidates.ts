/**
 * Owns choosing a worker for what any of them can do, and the next one where that one will not: who is not asked again,
 * and when there is nobody left.
 *
 * Invariants: whoever has refused is not asked again, and at most `ATTEMPTS` do; what is known to be silent is not asked;
 * a worker whose record stands, but at which the bus has just found nobody, is waited for as long as that can pass: its
 * connection may be lost for a moment, or the NATS server here may not have heard yet of what it listens to.
 */
import { place, type Absence, type PlacementQuestion, type WorkerRecord } from '@causeway/cluster';
import { CausewayError, type Reason, type WorkerId } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { NOBODY } from './owner-watch.ts';

const ATTEMPTS = 3;
/** A worker's own affairs: another may do what it cannot. One that has given up a server says so before its record does. */
const ELSEWHERE: ReadonlySet<Reason> = new Set(['limit.worker', 'cluster.draining', 'cluster.unavailable', 'server.unknown']);
const NONE: ReadonlySet<WorkerId> = new Set();

type Parts = Pick<EdgeContext, 'cluster' | 'servers' | 'opens' | 'clock' | 'random'>;

/** Is the question itself: one is made for every call without a session. */
export class Candidates implements PlacementQuestion {
  readonly server: string;
  except = NONE;
  readonly #edge: Parts;
  /** The word of one that was full, which says more than that there is nobody. */
  #full: CausewayError | undefined;
  /** When there was first nobody to be found. */
  #since: number | undefined;
  /** Who was not found before is asked again. */
  #from = -Infinity;

  constructor(edge: Parts, server: string) {
    this.#edge = edge;
    this.server = server;
  }

  /** The worker to ask; `later`: there is none, but a moment later there may be; or why there is none. */
  next(workers: Iterable<WorkerRecord> = this.#edge.cluster.ledger.workers().values()): WorkerRecord | 'later' | CausewayError {
    if (this.except.size >= ATTEMPTS) return this.#refusal('none');
    const chosen = place(workers, this);
    if (typeof chosen === 'object') return chosen;
    if (chosen !== 'unfound') return this.#refusal(chosen);
    return this.patient() ? 'later' : this.#refusal('none');
  }

  /** Whether a worker that was not found is to be asked again a moment later. */
  patient(): boolean {
    this.#from = this.#edge.clock.monotonic();
    this.#since ??= this.#from;
    return this.#from - this.#since < NOBODY;
  }

  /** Notes that the worker has said no, and tells whether another may say yes. */
  refuse(worker: WorkerId, error: CausewayError): boolean {
    if (!ELSEWHERE.has(error.reason)) return false;
    this.except = new Set([...this.except, worker]);
    if (error.reason === 'limit.worker') this.#full = error;
    return true;
  }

  /** Whether nothing is known against asking this worker. */
  may(worker: WorkerId): boolean {
    return !this.except.has(worker) && this.absence(worker) === undefined;
  }

  /** The bus found nobody at the worker. */
  miss(worker: WorkerId): void {
    this.#edge.opens.miss(worker);
  }

  /** The worker has said something. */
  found(worker: WorkerId): void {
    this.#edge.opens.found(worker);
  }

  pending(worker: WorkerId): number {
    return this.#edge.opens.count(worker);
  }

  absence(worker: WorkerId): Absence | undefined {
    return this.#edge.opens.absence(worker, this.#from);
  }

  random(): number {
    return this.#edge.random();
  }

  #refusal(why: 'unknown' | 'none' | 'full'): CausewayError {
    if (why === 'unknown' && this.#edge.servers.get(this.server)?.withdrawn) return new CausewayError('server.unknown');
    const reason = why === 'full' ? 'limit.worker' : 'cluster.no_worker';
    return this.#full ?? new CausewayError(reason, { retryAfter: 2, facts: { server: this.server } });
  }
}
