/**
 * Owns the embedded ledger: worker records shared through the hub.
 * Invariants: a write is immediate, so a lease ages only while its cluster is cut off; a process that was
 * merely paused (stopped, debugged, suspended) loses nothing, for nobody could have taken its place.
 */
import { CausewayError, type WorkerId } from '@causeway/protocol';
import { LEASE_TIMES, type Lease, type LeaseTimes, type Ledger, type WorkerRecord } from '../ledger.ts';
import type { MemoryHub } from './hub.ts';

type Change = Parameters<Lease['update']>[0];

class MemoryLease implements Lease {
  readonly #ledger: MemoryLedger;
  readonly #hub: MemoryHub;
  readonly #times: LeaseTimes;
  readonly #lost = new AbortController();
  #record: WorkerRecord;
  /** Monotonic milliseconds of the last write while cut off. */
  #cutAt: number | undefined;
  #fence: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #dirty = false;

  constructor(ledger: MemoryLedger, hub: MemoryHub, record: WorkerRecord, times: LeaseTimes) {
    this.#ledger = ledger;
    this.#hub = hub;
    this.#record = record;
    this.#times = times;
    this.#write();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  remaining(): number {
    if (this.lost.aborted) return 0;
    if (this.#cutAt === undefined) return this.#times.fence;
    const left = Math.max(0, this.#cutAt + this.#times.fence - performance.now());
    if (left === 0) this.#lost.abort();
    return left;
  }

  update(change: Change): void {
    this.#record = { ...this.#record, ...change };
    if (this.#dirty) return;
    this.#dirty = true;
    queueMicrotask(() => {
      if (this.#dirty && this.#cutAt === undefined) this.#write();
    });
  }

  cut(): void {
    if (this.lost.aborted) return;
    this.#cutAt = performance.now();
    this.#fence = setTimeout(() => this.#lost.abort(), this.#times.fence);
    // the hub's part rather than the worker's: it goes on when the worker is gone
    this.#expiry = setTimeout(() => this.#remove(), this.#times.ttl).unref();
  }

  join(): void {
    // a lease that is lost stays lost, and its record goes when its time is over
    if (this.remaining() === 0) return;
    clearTimeout(this.#fence);
    clearTimeout(this.#expiry);
    this.#cutAt = undefined;
    this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#fence);
    this.#lost.abort();
    if (this.#cutAt === undefined) this.#remove();
  }

  #write(): void {
    if (this.lost.aborted) return;
    this.#dirty = false;
    this.#hub.records.set(this.#record.worker, { record: this.#record, holder: this });
    for (const watcher of [...this.#hub.watchers]) watcher();
  }

  #remove(): void {
    this.#ledger.forget(this);
    if (this.#hub.records.get(this.#record.worker)?.holder !== this) return;
    this.#hub.records.delete(this.#record.worker);
    for (const watcher of [...this.#hub.watchers]) watcher();
  }
}

export class MemoryLedger implements Ledger {
  readonly #hub: MemoryHub;
  readonly #times: LeaseTimes;
  readonly #leases = new Set<MemoryLease>();
  readonly #listeners = new Set<() => void>();
  #view: ReadonlyMap<WorkerId, WorkerRecord> = new Map();
  #connected = true;
  #closed = false;
  #told = true;

  constructor(hub: MemoryHub, times: LeaseTimes = LEASE_TIMES) {
    this.#hub = hub;
    this.#times = times;
    hub.watchers.add(this.#watch);
    this.#watch();
  }

  async lease(record: WorkerRecord, times: LeaseTimes = this.#times): Promise<Lease> {
    if (!this.#connected || this.#closed) throw new CausewayError('cluster.unavailable');
    const lease = new MemoryLease(this, this.#hub, record, times);
    this.#leases.add(lease);
    return lease;
  }

  workers(): ReadonlyMap<WorkerId, WorkerRecord> {
    return this.#view;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Cuts this ledger off, or joins it again, with every lease that it gave. */
  setConnected(connected: boolean): void {
    if (connected === this.#connected || this.#closed) return;
    this.#connected = connected;
    for (const lease of this.#leases) {
      if (connected) lease.join();
      else lease.cut();
    }
    if (connected) this.#watch();
  }

  forget(lease: MemoryLease): void {
    this.#leases.delete(lease);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#hub.watchers.delete(this.#watch);
    for (const lease of [...this.#leases]) await lease[Symbol.asyncDispose]();
    this.#listeners.clear();
  }

  readonly #watch = (): void => {
    if (!this.#connected) return;
    this.#view = new Map([...this.#hub.records].map(([worker, held]) => [worker, held.record]));
    if (!this.#told) return;
    this.#told = false;
    queueMicrotask(() => {
      this.#told = true;
      for (const listener of [...this.#listeners]) listener();
    });
  };
}
