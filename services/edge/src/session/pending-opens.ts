/**
 * Owns what this edge knows of workers that their records cannot show yet, and placement must count all the same: the
 * opens that are under way, as a set of sessions for each worker, never a number; and workers that would not answer.
 */
import type { Absence } from '@causeway/cluster';
import type { SessionToken, WorkerId } from '@causeway/protocol';
import type { Clock } from '@causeway/runtime';

/** Milliseconds for which a worker is passed over after nobody was found there. */
const PASSED_OVER = 3_000;

export class PendingOpens {
  readonly #clock: Clock;
  readonly #isThere: (worker: WorkerId) => boolean;
  readonly #byWorker = new Map<WorkerId, Set<SessionToken>>();
  readonly #missed = new Map<WorkerId, number>();

  /** `isThere`: nothing says that the worker is silent, or gone. */
  constructor(clock: Clock, isThere: (worker: WorkerId) => boolean) {
    this.#clock = clock;
    this.#isThere = isThere;
  }

  /** The bus found nobody at the worker. */
  miss(worker: WorkerId): void {
    const now = this.#clock.monotonic();
    for (const [one, at] of this.#missed) if (now - at >= PASSED_OVER) this.#missed.delete(one);
    this.#missed.set(worker, now);
  }

  /** It has said something. */
  found(worker: WorkerId): void {
    this.#missed.delete(worker);
  }

  /** Whether it is silent, or nobody was found there a moment ago, if that was after `from` (monotonic milliseconds). */
  absence(worker: WorkerId, from = -Infinity): Absence | undefined {
    if (!this.#isThere(worker)) return 'silent';
    const at = this.#missed.get(worker);
    return at !== undefined && at > from && this.#clock.monotonic() - at < PASSED_OVER ? 'unfound' : undefined;
  }

  add(worker: WorkerId, session: SessionToken): void {
    const open = this.#byWorker.get(worker) ?? new Set();
    open.add(session);
    this.#byWorker.set(worker, open);
  }

  delete(worker: WorkerId, session: SessionToken): void {
    const open = this.#byWorker.get(worker);
    open?.delete(session);
    if (open?.size === 0) this.#byWorker.delete(worker);
  }

  count(worker: WorkerId): number {
    return this.#byWorker.get(worker)?.size ?? 0;
  }
}
