/**
 * Owns the ledger of one process over a log of records: its leases, its view, and taking a silent worker's record away.
 * The same over NATS, in memory and in simulation; what differs is the store and how the view is fed.
 */
import { CausewayError, type WorkerId } from '@causeway/protocol';
import { LEFT_BEATS, type Lease, type Ledger, type LeaseTimes, type NewRecord, type WorkerRecord } from './ledger.ts';
import { Overdue } from './overdue.ts';
import { ORIGIN, type RecordsView } from './records.ts';
import { WriteConflict, type Expectation, type RecordStore } from './store.ts';
import { Stamps } from './stamps.ts';
import { Tenancy } from './tenancy.ts';
import type { Time } from './time.ts';

/** Milliseconds for the first write of a lease, longer than a leader election. */
const LEASE_DEADLINE = 12_000;
/** Milliseconds in which what was written must be seen. */
const SEEN_DEADLINE = 5_000;

export interface LogLedgerDeps {
  readonly store: RecordStore;
  readonly view: RecordsView;
  readonly time: Time;
  readonly times: LeaseTimes;
  /** As `Ledger.spread`. */
  readonly spread: number;
  /** As `Fence`'s. */
  readonly minority: () => boolean;
  /** Resolves when a write can be sent; rejects with CausewayError `cluster.unavailable`. */
  readonly whenLive: () => Promise<void>;
}

export class LogLedger implements Ledger {
  readonly #deps: LogLedgerDeps;
  readonly #leases = new Map<WorkerId, Tenancy>();
  /** Of the workers that had a lease here. */
  readonly #stamps = new Map<WorkerId, Stamps>();
  readonly #overdue: Overdue;
  #closed = false;
  /** Something stood in the log: should it be empty now, it was made anew, and others may be there. */
  #seen = false;
  #marking = false;
  /** Where the log's first mark stands, or the word that it is gone; 0: neither is known of. */
  #marked = 0;
  #cancelMark: () => void = () => undefined;

  constructor(deps: LogLedgerDeps) {
    this.#deps = deps;
    this.#overdue = new Overdue(deps.view, deps.time, LEFT_BEATS * deps.times.heartbeat);
    deps.view.onSeen(({ key, sequence, gone }) => {
      this.#seen = true;
      this.#stamps.get(key)?.note(sequence, deps.time.now());
      if (key !== ORIGIN) return;
      this.#marked = sequence;
      if (gone !== undefined && this.leased) this.#markLater();
    });
    deps.view.onSnapshot((present) => {
      if (!present.has(ORIGIN)) this.#marked = 0;
      if (this.leased) this.#markLater();
    });
  }

  async lease(record: NewRecord, times: LeaseTimes = this.#deps.times): Promise<Lease> {
    if (this.#closed) throw new CausewayError('cluster.unavailable');
    await this.#deps.whenLive();
    const { store, view, time, minority } = this.#deps;
    // The very first: there is nobody else.
    if (view.last === 0 && !this.#seen) await this.#mark({ log: 0 });
    else this.#markLater();
    const lease = new Tenancy(record, {
      store,
      view,
      time,
      times,
      minority,
      wiped: () => {
        view.wiped();
        this.#markLater();
      },
      ended: () => {
        if (this.#leases.get(record.worker) === lease) this.#leases.delete(record.worker);
      },
    });
    this.#leases.set(record.worker, lease);
    if (!this.#stamps.has(record.worker)) this.#stamps.set(record.worker, new Stamps());
    await lease.open(LEASE_DEADLINE);
    return lease;
  }

  workers(): ReadonlyMap<WorkerId, WorkerRecord> {
    return this.#deps.view.workers();
  }

  get spread(): number {
    return this.#deps.spread;
  }

  get position(): number {
    return this.#deps.view.last;
  }

  get whole(): boolean {
    // What nothing new is heard of, since the server here is cut off, is not followed from the first moment on.
    return this.#deps.view.whole && !this.#deps.minority();
  }

  async caughtUp(): Promise<void> {
    const { time, view } = this.#deps;
    const lease = [...this.#leases.values()].find((one) => one.remaining() > 0);
    if (lease === undefined) throw new CausewayError('cluster.unavailable', { retryAfter: 1 });
    // What was written before stands before it, and is seen before it.
    const position = await lease.confirm();
    if (view.last >= position) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = time.after(SEEN_DEADLINE, () => reject(new CausewayError('cluster.unavailable', { retryAfter: 1 })));
    const stop = view.onSeen(() => {
      if (view.last >= position) resolve();
    });
    await promise.finally(() => {
      cancel();
      stop();
    });
  }

  onChange(listener: () => void): () => void {
    return this.#deps.view.onChange(listener);
  }

  stamp(worker: WorkerId): number | undefined {
    return this.#deps.view.sequenceOf(worker);
  }

  age(worker: WorkerId, stamp: number): number {
    return this.#stamps.get(worker)?.age(stamp, this.#deps.time.now()) ?? 0;
  }

  onOverdue(listener: (worker: WorkerId) => void): () => void {
    return this.#overdue.on(listener);
  }

  recentlyHeard(worker: WorkerId): boolean {
    // Whom one in a minority does not hear may live on the other side.
    return !this.#deps.minority() && this.#deps.view.recentlyHeard(worker);
  }

  async depose(worker: WorkerId, { left }: { readonly left: boolean }): Promise<boolean> {
    const { store, view, times, minority } = this.#deps;
    const sequence = view.sequenceOf(worker);
    if (sequence === undefined) return true;
    // Who is cut off itself finds nobody anywhere.
    const silence = left && !minority() ? LEFT_BEATS * times.heartbeat : times.fence + times.heartbeat;
    if (view.unheard(worker) < silence || !store.live) return false;
    try {
      await store.purge(worker, { own: sequence });
      return true;
    } catch (error) {
      // It was written meanwhile: by its worker, which lives, or by another deposer, whose word will be seen.
      if (error instanceof WriteConflict) return view.sequenceOf(worker) === undefined;
      throw error instanceof CausewayError ? error : new CausewayError('cluster.unavailable', { cause: error });
    }
  }

  /** A new connection, or a place to write again: every lease is renewed at once. */
  renew(): void {
    for (const lease of this.#leases.values()) lease.poke();
  }

  /** Whether a lease of this process is held or asked for. */
  get leased(): boolean {
    return this.#leases.size > 0;
  }

  /** Writes the log's first mark; if it cannot be written now, later. */
  async #mark(expect: Expectation): Promise<void> {
    const { store, view, time, times } = this.#deps;
    try {
      await store.put(ORIGIN, '{}', Infinity, expect);
    } catch (error) {
      if (error instanceof WriteConflict && 'own' in expect) {
        this.#marked = error.sequence ?? 0;
        // Nothing stands there any more: since we looked the log was wiped.
        if (expect.own > 0 && this.#marked === 0) view.wiped();
      }
      time.after(times.heartbeat, () => this.#markLater());
    }
  }

  /** Sees to it that a log without its first mark has it again once every worker has written, or has passed its fence. */
  #markLater(): void {
    const { view, time, times } = this.#deps;
    const { wipedSince } = view;
    if (this.#marking || wipedSince === undefined || this.#closed) return;
    this.#marking = true;
    const wait = times.fence + times.heartbeat;
    this.#cancelMark = time.after(wipedSince + wait - time.now(), () => {
      this.#marking = false;
      // It may have been there again, and wiped again.
      if (view.wipedSince !== undefined && time.now() - view.wipedSince >= wait) void this.#mark({ own: this.#marked });
      else this.#markLater();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelMark();
    this.#overdue.close();
    await Promise.all([...this.#leases.values()].map((lease) => lease[Symbol.asyncDispose]()));
    this.#deps.view.close();
  }
}
