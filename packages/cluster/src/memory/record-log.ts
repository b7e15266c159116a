/**
 * Owns the embedded log of the workers' records: what a NATS stream is otherwise.
 * Invariant: it has the rules of the real one: positions, expectations, expiry with a mark, delivery after the write.
 */
import type { WorkerId } from '@causeway/protocol';
import type { SeenRecord } from '../records.ts';
import { MARKER_TTL, WriteConflict, type Expectation } from '../store.ts';
import type { Time } from '../time.ts';

export class RecordLog {
  readonly #entries = new Map<WorkerId, SeenRecord>();
  readonly #cancels = new Map<WorkerId, () => void>();
  readonly #watchers = new Set<(entry: SeenRecord) => void>();
  readonly #time: Time;
  #last = 0;

  constructor(time: Time) {
    this.#time = time;
  }

  get last(): number {
    return this.#last;
  }

  get entries(): readonly SeenRecord[] {
    return [...this.#entries.values()];
  }

  put(key: WorkerId, text: string, ttl: number, expect: Expectation): number {
    this.#check(key, expect);
    this.#write({ key, sequence: this.#last + 1, stored: this.#time.now(), text });
    this.#later(key, ttl, () => this.#end(key, 'expired'));
    return this.#last;
  }

  purge(key: WorkerId, expect: Expectation): void {
    this.#check(key, expect);
    this.#end(key, 'taken');
  }

  /** Empties the log without a word, as an operator does. `anew`: it is removed, and made again with positions from 1 on. */
  wipe(anew = false): void {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
    this.#entries.clear();
    if (anew) this.#last = 0;
  }

  /** Calls back with every entry, a moment after it was written; returns the way to stop. */
  watch(watcher: (entry: SeenRecord) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  #check(key: WorkerId, expect: Expectation): void {
    const [expected, found] = 'log' in expect ? [expect.log, this.#last] : [expect.own, this.#entries.get(key)?.sequence ?? 0];
    if (expected !== found) throw new WriteConflict(found);
  }

  #end(key: WorkerId, gone: 'taken' | 'expired'): void {
    this.#write({ key, sequence: this.#last + 1, stored: this.#time.now(), gone });
    this.#later(key, MARKER_TTL, () => void this.#entries.delete(key));
  }

  #write(entry: SeenRecord): void {
    this.#last = entry.sequence;
    this.#entries.set(entry.key, entry);
    queueMicrotask(() => {
      for (const watcher of [...this.#watchers]) watcher(entry);
    });
  }

  /** The store's part rather than the worker's: it goes on when the worker is gone. */
  #later(key: WorkerId, ms: number, fn: () => void): void {
    this.#cancels.get(key)?.();
    this.#cancels.set(key, this.#time.after(ms, fn));
  }
}
