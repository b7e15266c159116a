/**
 * Owns the embedded ledger: the log of records that the members of a hub share, and each member's door to it.
 * Invariants: the log has the rules of the real store (positions, expectations, expiry with a mark, delivery after
 * the write); within one process a lease is not a matter of time, since nobody could take a paused process's place:
 * unless times are asked for, it lasts as long as the process.
 */
import { CausewayError, type WorkerId } from '@causeway/protocol';
import type { LeaseTimes } from '../ledger.ts';
import { LogLedger } from '../log-ledger.ts';
import { RecordsView, type SeenRecord } from '../records.ts';
import { WriteConflict, type Expectation, type RecordStore } from '../store.ts';
import { systemTime } from '../time.ts';
import type { MemoryHub } from './hub.ts';

/** Of a ledger within one process. */
const LASTING: LeaseTimes = { ttl: Infinity, heartbeat: Infinity, fence: Infinity };
/** Milliseconds for which the mark of a record's end is kept. */
const MARKER_TTL = 5 * 60_000;

/** The log: what the NATS server is otherwise. */
export class RecordLog {
  readonly #entries = new Map<WorkerId, SeenRecord>();
  readonly #timers = new Map<WorkerId, NodeJS.Timeout>();
  readonly #watchers = new Set<(entry: SeenRecord) => void>();
  #last = 0;

  get last(): number {
    return this.#last;
  }

  get entries(): readonly SeenRecord[] {
    return [...this.#entries.values()];
  }

  put(key: WorkerId, text: string, ttl: number, expect: Expectation): number {
    this.#check(key, expect);
    this.#write({ key, sequence: this.#last + 1, text });
    this.#later(key, ttl, () => this.#end(key, 'expired'));
    return this.#last;
  }

  purge(key: WorkerId, expect: Expectation): void {
    this.#check(key, expect);
    this.#end(key, 'taken');
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
    this.#write({ key, sequence: this.#last + 1, gone });
    this.#later(key, MARKER_TTL, () => void this.#entries.delete(key));
  }

  #write(entry: SeenRecord): void {
    this.#last = entry.sequence;
    this.#entries.set(entry.key, entry);
    queueMicrotask(() => {
      for (const watcher of [...this.#watchers]) watcher(entry);
    });
  }

  /** The store's part rather than the worker's: it goes on when the worker is gone, and keeps no process alive. */
  #later(key: WorkerId, ms: number, fn: () => void): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    if (ms !== Infinity) this.#timers.set(key, setTimeout(fn, ms).unref());
  }
}

/** One member's ledger; it can be cut off from the log as a network would. */
export class MemoryLedger extends LogLedger {
  readonly #view: RecordsView;
  readonly #store: MemoryStore;
  readonly #stop: () => void;

  constructor(hub: MemoryHub, given?: LeaseTimes) {
    const times = given ?? LASTING;
    const view = new RecordsView(systemTime, times.ttl);
    const store = new MemoryStore(hub.records, view);
    super({
      store,
      view,
      time: systemTime,
      times,
      whenLive: async () => {
        if (!store.live) throw new CausewayError('cluster.unavailable');
      },
    });
    this.#view = view;
    this.#store = store;
    this.#stop = hub.records.watch((entry) => {
      if (store.live) view.change(entry);
    });
    store.resync();
  }

  setConnected(connected: boolean): void {
    if (connected === this.#store.live) return;
    this.#store.live = connected;
    if (!connected) return this.#view.cut();
    this.#store.resync();
    this.renew();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.#stop();
  }
}

class MemoryStore implements RecordStore {
  live = true;
  readonly #log: RecordLog;
  readonly #view: RecordsView;

  constructor(log: RecordLog, view: RecordsView) {
    this.#log = log;
    this.#view = view;
  }

  async put(worker: WorkerId, text: string, ttl: number, expect: Expectation): Promise<number> {
    this.#reach();
    return this.#log.put(worker, text, ttl, expect);
  }

  async purge(worker: WorkerId, expect: { readonly own: number }): Promise<void> {
    this.#reach();
    this.#log.purge(worker, expect);
  }

  resync(): void {
    if (this.live) this.#view.snapshot(this.#log.entries, this.#log.last);
  }

  #reach(): void {
    if (!this.live) throw new CausewayError('cluster.unavailable');
  }
}
