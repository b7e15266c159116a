/**
 * Owns the embedded ledger: each member's door to the log of records that the members of a hub share.
 * Invariants: within one process a lease is not a matter of time, since nobody could take a paused process's place:
 * unless times are asked for, it lasts as long as the process.
 */
import { CausewayError, type WorkerId } from '@causeway/protocol';
import type { LeaseTimes } from '../ledger.ts';
import { LogLedger } from '../log-ledger.ts';
import { RecordsView } from '../records.ts';
import type { Expectation, RecordStore } from '../store.ts';
import { systemTime } from '../time.ts';
import type { MemoryHub } from './hub.ts';
import type { RecordLog } from './record-log.ts';

/** Of a ledger within one process. */
const LASTING: LeaseTimes = { ttl: Infinity, heartbeat: Infinity, fence: Infinity };
/** One member's ledger; it can be cut off from the log as a network would. */
export class MemoryLedger extends LogLedger {
  readonly #view: RecordsView;
  readonly #store: MemoryStore;
  readonly #stop: () => void;

  constructor(hub: MemoryHub, given?: LeaseTimes) {
    const times = given ?? LASTING;
    const view = new RecordsView(systemTime, times);
    const store = new MemoryStore(hub.records, view);
    super({
      store,
      view,
      time: systemTime,
      times,
      spread: 0,
      minority: () => false,
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
