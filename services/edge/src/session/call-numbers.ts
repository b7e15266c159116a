/**
 * Owns the numbers of the requests without a session that this edge sends, for each worker its own: by them the worker knows which
 * of them have not come (worker/stateless/call-windows.ts).
 *
 * Invariant: a number is given once for each worker, unless that was sent nothing while a thousand others were.
 */
import type { WorkerId } from '@causeway/protocol';
import { RecentMap } from '@causeway/runtime';

const WORKERS = 1_024;

export class CallNumbers {
  readonly #next = new RecentMap<WorkerId, number>(WORKERS);

  /** For one more request to this worker. */
  next(worker: WorkerId): number {
    const number = this.#next.get(worker) ?? 0;
    this.#next.set(worker, number + 1);
    return number;
  }
}
