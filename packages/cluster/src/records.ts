/**
 * Owns the view of the workers' records: the latest of each as this process has seen it, and how far it has seen.
 * The records are one ordered log; whatever is known of them has come through `snapshot` and `change`.
 *
 * Invariants: `last` is a position up to which everything was seen, so that a write which expects it has seen
 * everybody (`tenancy.ts`); a record that was not renewed for its time is nobody's, though its end was not told yet;
 * one that is missing without a word of its end was wiped with the store: its worker writes it again, and until its
 * time is over it counts.
 */
import type { WorkerId } from '@causeway/protocol';
import type { Scope } from './admission.ts';
import { Following } from './following.ts';
import type { LeaseTimes, WorkerRecord } from './ledger.ts';
import type { Time } from './time.ts';

/** One entry of the log. */
export interface SeenRecord {
  readonly key: WorkerId;
  /** Its position in the log. */
  readonly sequence: number;
  /** When it was written: milliseconds by the log's own clock, which tells what has waited from what is new. */
  readonly stored: number;
  /** The record as it was written; absent when it is gone. */
  readonly text?: string;
  /** `taken`: somebody removed it, its own worker included. `expired`: it was not renewed in time. `wiped`: with the store. */
  readonly gone?: 'taken' | 'expired' | 'wiped';
}

/**
 * Key of the log's first mark. It goes when the log is wiped, and is written again when every worker has either written
 * its record again or passed its fence: until then whoever has not followed the log may not rely on it.
 */
export const ORIGIN = 'origin' as WorkerId;

interface Held {
  readonly record: WorkerRecord;
  readonly text: string;
  readonly sequence: number;
  readonly stored: number;
  /** When it was last seen written. */
  readonly at: number;
}

export class RecordsView {
  readonly #time: Time;
  readonly #ttl: number;
  readonly #following: Following;
  readonly #held = new Map<WorkerId, Held>();
  readonly #listeners = new Set<() => void>();
  readonly #watchers = new Set<(seen: SeenRecord) => void>();
  readonly #gaps = new Set<(present: ReadonlySet<WorkerId>, cut: boolean) => void>();
  #workers: ReadonlyMap<WorkerId, WorkerRecord> = new Map();
  #told = true;
  #cancelSweep: () => void = () => undefined;

  constructor(time: Time, { ttl, heartbeat }: LeaseTimes) {
    this.#time = time;
    this.#ttl = ttl;
    this.#following = new Following(time, heartbeat);
  }

  /** The position up to which everything was seen. */
  get last(): number {
    return this.#following.last;
  }

  /** The records of workers that live as far as is known. Replaced on every change. */
  workers(): ReadonlyMap<WorkerId, WorkerRecord> {
    return this.#workers;
  }

  /** Sessions that the workers other than `except` hold under a scope. */
  held(scope: Scope, except: WorkerId): number {
    let sum = 0;
    for (const [worker, { record, at }] of this.#held) {
      if (worker === except || this.#time.now() - at > this.#ttl) continue;
      sum += record.holds[scope] ?? 0;
    }
    return sum;
  }

  /** Since when the log is known to be without its first mark; `undefined` while it has it. */
  get wipedSince(): number | undefined {
    return this.#following.wipedSince;
  }

  /** Nothing that somebody holds can be unseen: the log was whole when this view began, and is followed; one that is silent is not. */
  get whole(): boolean {
    return this.#following.whole;
  }

  /** Where the worker's record stands in the log; `undefined` without one. */
  sequenceOf(worker: WorkerId): number | undefined {
    return this.#held.get(worker)?.sequence;
  }

  /** Whether the worker was heard a moment ago, and not only among what had gathered while nothing was read here. */
  recentlyHeard(worker: WorkerId): boolean {
    const held = this.#held.get(worker);
    return held !== undefined && this.#following.isRecent(held.stored);
  }

  /** Milliseconds for which the worker has let nothing be heard although it could have been; `Infinity` without a record. */
  unheard(worker: WorkerId): number {
    const held = this.#held.get(worker);
    if (held === undefined) return Infinity;
    const { since } = this.#following;
    return since === undefined ? 0 : this.#time.now() - Math.max(held.at, since);
  }

  /** Everything there is, seen at once; `last` is the newest position. */
  snapshot(entries: readonly SeenRecord[], last: number): void {
    const now = this.#time.now();
    const named = new Set(entries.map(({ key }) => key));
    for (const [worker, { at }] of this.#held) if (!named.has(worker) && now - at > this.#ttl) this.#held.delete(worker);
    // A wipe that was not seen shows by the missing origin; one that was seen leaves what was known.
    const marked = entries.some(({ key, text }) => key === ORIGIN && text !== undefined);
    const cut = this.#following.snapshot(entries, last, marked);
    for (const entry of entries) this.#take(entry);
    for (const entry of entries) for (const watcher of [...this.#watchers]) watcher(entry);
    for (const gap of [...this.#gaps]) gap(named, cut);
    this.#show();
  }

  change(entry: SeenRecord): void {
    this.#following.change(entry, entry.key !== ORIGIN ? undefined : entry.text === undefined ? 'went' : 'came');
    const before = this.#held.get(entry.key)?.text;
    this.#take(entry);
    for (const watcher of [...this.#watchers]) watcher(entry);
    if (before !== this.#held.get(entry.key)?.text) this.#show();
  }

  /** A write that expected `last` stands at `sequence`: nothing lies between. */
  wrote(sequence: number): void {
    this.#following.wrote(sequence);
  }

  /** The store was wiped under us. */
  wiped(): void {
    this.#following.wiped();
  }

  /** Nothing is seen any more until the next snapshot. */
  cut(): void {
    this.#following.cut();
  }

  /** Calls back after every change of `workers()`; returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls back with every entry that is seen, renewals too. */
  onSeen(watcher: (seen: SeenRecord) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Calls back after every snapshot with the keys that the log has a word about. `cut`: nothing was seen for a while before. */
  onSnapshot(gap: (present: ReadonlySet<WorkerId>, cut: boolean) => void): () => void {
    this.#gaps.add(gap);
    return () => void this.#gaps.delete(gap);
  }

  close(): void {
    this.#cancelSweep();
    for (const listeners of [this.#listeners, this.#watchers, this.#gaps]) listeners.clear();
  }

  #take({ key, sequence, stored, text, gone }: SeenRecord): void {
    if (gone === 'wiped') return;
    const record = text === undefined ? undefined : read(key, text);
    if (record === undefined || text === undefined) this.#held.delete(key);
    else this.#held.set(key, { record, text, sequence, stored, at: this.#time.now() });
  }

  #show(): void {
    const now = this.#time.now();
    const living = [...this.#held].filter(([, { at }]) => now - at <= this.#ttl);
    this.#workers = new Map(living.map(([worker, { record }]) => [worker, record]));
    this.#sweepLater(Math.min(...living.map(([, { at }]) => at)) + this.#ttl - now);
    if (!this.#told) return;
    this.#told = false;
    queueMicrotask(() => {
      this.#told = true;
      for (const listener of [...this.#listeners]) listener();
    });
  }

  /** Looks again when the oldest record could be over, unless it was renewed. */
  #sweepLater(ms: number): void {
    this.#cancelSweep();
    if (!Number.isFinite(ms)) return;
    this.#cancelSweep = this.#time.after(Math.max(ms, 0) + 1, () => {
      // Cut off, nothing is known to have changed.
      if (this.#following.since === undefined) return this.#sweepLater(this.#ttl);
      const now = this.#time.now();
      const over = [...this.#held].filter(([, { at }]) => now - at > this.#ttl);
      for (const [worker] of over) this.#held.delete(worker);
      if (over.length > 0) this.#show();
      else this.#sweepLater(Math.min(...[...this.#held.values()].map(({ at }) => at)) + this.#ttl - now);
    });
  }
}

/** The record of a worker; anything else at its key is not ours to judge. */
function read(key: WorkerId, text: string): WorkerRecord | undefined {
  try {
    const record = JSON.parse(text) as Omit<WorkerRecord, 'holds'> & Partial<WorkerRecord>;
    // A neighbouring version may not say what it holds.
    return record.v === 1 && record.worker === key ? { ...record, holds: record.holds ?? {} } : undefined;
  } catch {
    return undefined;
  }
}
