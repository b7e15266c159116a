/**
 * Owns the ledger over one bucket: the leases of this process, and the view of everybody's records.
 * Invariants: the view follows a watch and is never polled; while NATS is out of reach it stays as last
 * seen, since nothing is known to have changed; a renewal that changes nothing is told to nobody.
 */
import { CausewayError, type WorkerId } from '@causeway/protocol';
import { jetstream, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { LEASE_TIMES, type Lease, type Ledger, type LeaseTimes, type WorkerRecord } from '../ledger.ts';
import { within } from './connect.ts';
import { NatsLease } from './lease.ts';
import { RECONNECT, type Link } from './link.ts';
import { unavailable } from './patience.ts';
import { BucketWatch, type Entry } from './watch.ts';

/** Milliseconds for the first write of a lease, longer than a leader election. */
const LEASE_DEADLINE = 12_000;

export interface NatsLedgerOptions {
  readonly control: Link;
  readonly manager: JetStreamManager;
  readonly bucket: string;
  readonly inbox: string;
  readonly times?: LeaseTimes | undefined;
  /** Milliseconds until the first view must be there. */
  readonly deadline: number;
}

export async function openNatsLedger(options: NatsLedgerOptions): Promise<Ledger> {
  const ledger = new NatsLedger(options);
  try {
    await within(options.deadline, ledger.open());
  } catch (error) {
    await ledger[Symbol.asyncDispose]();
    throw unavailable(error, `The NATS bucket ${options.bucket} could not be watched. Check JetStream's state and permissions.`);
  }
  return ledger;
}

class NatsLedger implements Ledger {
  readonly #options: NatsLedgerOptions;
  readonly #js: JetStreamClient;
  readonly #watch: BucketWatch;
  readonly #leases = new Map<WorkerId, NatsLease>();
  readonly #listeners = new Set<() => void>();
  #view: ReadonlyMap<WorkerId, WorkerRecord> = new Map();
  /** The records as they were written, to tell renewals from changes. */
  readonly #texts = new Map<WorkerId, string>();
  #told = true;
  #closed = false;

  constructor(options: NatsLedgerOptions) {
    this.#options = options;
    this.#js = jetstream(options.control.nc);
    this.#watch = new BucketWatch(options.control, options.manager, {
      bucket: options.bucket,
      inbox: options.inbox,
      snapshot: (entries) => this.#snapshot(entries),
      change: (entry) => this.#change(entry),
    });
  }

  async open(): Promise<void> {
    this.#options.control.onChange(() => {
      if (this.#options.control.live) for (const lease of this.#leases.values()) lease.poke();
    });
    await this.#watch.open();
  }

  async lease(record: WorkerRecord, times: LeaseTimes = this.#options.times ?? LEASE_TIMES): Promise<Lease> {
    if (this.#closed) throw new CausewayError('cluster.unavailable');
    await this.#options.control.whenLive(RECONNECT);
    const lease = new NatsLease(record, {
      js: this.#js,
      bucket: this.#options.bucket,
      times,
      link: this.#options.control,
      ended: () => {
        if (this.#leases.get(record.worker) === lease) this.#leases.delete(record.worker);
      },
    });
    this.#leases.set(record.worker, lease);
    await lease.open(LEASE_DEADLINE);
    return lease;
  }

  workers(): ReadonlyMap<WorkerId, WorkerRecord> {
    return this.#view;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#watch[Symbol.asyncDispose]();
    await Promise.all([...this.#leases.values()].map((lease) => lease[Symbol.asyncDispose]()));
    this.#listeners.clear();
  }

  #snapshot(entries: readonly Entry[]): void {
    const view = new Map<WorkerId, WorkerRecord>();
    this.#texts.clear();
    for (const entry of entries) {
      const record = read(entry);
      if (record !== undefined) {
        view.set(record.worker, record);
        this.#texts.set(record.worker, String(entry.value));
      }
      this.#leases.get(entry.key as WorkerId)?.seen(entry.revision, record === undefined);
    }
    for (const [worker, lease] of this.#leases) if (!view.has(worker)) lease.poke();
    this.#show(view);
  }

  #change(entry: Entry): void {
    const worker = entry.key as WorkerId;
    const record = read(entry);
    this.#leases.get(worker)?.seen(entry.revision, record === undefined);
    const view = new Map(this.#view);
    if (record === undefined) {
      this.#texts.delete(worker);
      if (!view.delete(worker)) return;
    } else {
      const text = String(entry.value);
      if (this.#texts.get(worker) === text) return;
      this.#texts.set(worker, text);
      view.set(worker, record);
    }
    this.#show(view);
  }

  #show(view: ReadonlyMap<WorkerId, WorkerRecord>): void {
    this.#view = view;
    if (!this.#told) return;
    this.#told = false;
    queueMicrotask(() => {
      this.#told = true;
      for (const listener of [...this.#listeners]) listener();
    });
  }
}

/** The record of a live entry of its worker; anything else in the bucket is not ours to judge. */
function read(entry: Entry): WorkerRecord | undefined {
  if (entry.value === undefined) return undefined;
  try {
    const record = JSON.parse(entry.value.toString('utf8')) as WorkerRecord;
    return record.v === 1 && record.worker === entry.key ? record : undefined;
  } catch {
    return undefined;
  }
}
