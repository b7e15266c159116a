/**
 * Owns noticing that a worker has not renewed its record in time: each is told of once, until something of it is seen again.
 *
 * Invariants: one timer for all workers, and none while nobody listens; nothing is told while nothing can be heard.
 */
import type { WorkerId } from '@causeway/protocol';
import { ORIGIN, type RecordsView, type SeenRecord } from './records.ts';
import type { Time } from './time.ts';

export class Overdue {
  readonly #view: Pick<RecordsView, 'onSeen' | 'unheard'>;
  readonly #time: Time;
  readonly #after: number;
  readonly #listeners = new Set<(worker: WorkerId) => void>();
  /** Those who were heard, and not told of since. */
  readonly #heard = new Set<WorkerId>();
  #cancel: (() => void) | undefined;

  /** `after`: milliseconds without a renewal. */
  constructor(view: Pick<RecordsView, 'onSeen' | 'unheard'>, time: Time, after: number) {
    this.#view = view;
    this.#time = time;
    this.#after = after;
    view.onSeen((seen) => this.#seen(seen));
  }

  /** Calls back with every worker that is overdue; returns the way to stop. */
  on(listener: (worker: WorkerId) => void): () => void {
    this.#listeners.add(listener);
    this.#later(this.#after);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #seen({ key, text }: SeenRecord): void {
    if (key === ORIGIN) return;
    if (text === undefined) return void this.#heard.delete(key);
    this.#heard.add(key);
    this.#later(this.#after);
  }

  #later(ms: number): void {
    if (this.#cancel !== undefined || this.#listeners.size === 0) return;
    this.#cancel = this.#time.after(ms, () => {
      this.#cancel = undefined;
      this.#look();
    });
  }

  #look(): void {
    let next = Infinity;
    for (const worker of this.#heard) {
      const left = this.#after - this.#view.unheard(worker);
      if (left > 0) {
        next = Math.min(next, left);
        continue;
      }
      this.#heard.delete(worker);
      for (const listener of [...this.#listeners]) listener(worker);
    }
    if (next < Infinity) this.#later(next);
  }
}
