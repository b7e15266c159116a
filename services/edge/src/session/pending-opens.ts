/**
 * Owns the opens that this edge has under way: what the workers' records cannot show yet, and placement
 * must count all the same. A set of sessions for each worker, never a number.
 */
import type { SessionToken, WorkerId } from '@causeway/protocol';

export class PendingOpens {
  readonly #byWorker = new Map<WorkerId, Set<SessionToken>>();

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
