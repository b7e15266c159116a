/**
 * Owns one worker's record and the right that comes with it: when it is written, what an acknowledgement means, and
 * when the right is over. Knows nothing of NATS: the store, time and chance are given.
 *
 * Invariants:
 *  1. One write is in flight at most; renewals, changes and growth go through the same loop, so none undoes another.
 *  2. What the record says is held grows only by a write that expects to be the very next of the whole log: whoever
 *     grows has seen what everybody holds. Everything else expects the worker's own record only, and is repeatable.
 *  3. A claim is granted when the write that counts it is acknowledged. One whose outcome is unknown is decided
 *     again; the record is replaced, never added to, so a write that did arrive is counted once.
 *  4. The fence counts from the moment the last acknowledged write was *sent*, on monotonic time; what is
 *     acknowledged after it revives nothing.
 *  5. A record that somebody took away is a lease that was taken away. One that expired is written again, as growth:
 *     what no longer fits is revoked, the newest first. One that was wiped with the store is written again whole, or
 *     was taken away first, if nobody here could see; who has not seen everything admits nothing until all have written.
 */
import { CausewayError } from '@causeway/protocol';
import type { Claim } from './admission.ts';
import type { Waiting } from './claims.ts';
import { Confirmations } from './confirmations.ts';
import { Fence } from './fence.ts';
import type { AdmitOptions, Lease, LeaseLoss, LeaseTimes, NewRecord, Permit, RecordChange } from './ledger.ts';
import { Places } from './places.ts';
import type { RecordsView, SeenRecord } from './records.ts';
import { unwritten, WriteConflict, type Expectation, type RecordStore } from './store.ts';
import type { Time } from './time.ts';

/** Milliseconds for which changes are gathered. */
const GATHER = 50;
const RETRY = 250;

export interface TenancyDeps {
  readonly store: RecordStore;
  readonly view: RecordsView;
  readonly time: Time;
  readonly times: LeaseTimes;
  /** As `Fence`'s. */
  readonly minority: () => boolean;
  /** Told when the record was found to be wiped with the store. */
  readonly wiped: () => void;
  /** Told once, when the lease is over for whatever reason. */
  readonly ended: () => void;
}

export class Tenancy implements Lease {
  readonly #deps: TenancyDeps;
  readonly #lost = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  readonly #places: Places;
  readonly #confirmations = new Confirmations();
  readonly #fence: Fence;
  readonly #stops: (() => void)[] = [];
  failure: unknown;
  #record: NewRecord;
  /** Position of the record as last known; 0 for none. */
  #sequence = 0;
  /** Growth, or any write, is tried again once everything up to here was seen. */
  #growAfter = 0;
  #writeAfter = 0;
  #notBefore = 0;
  #due = 0;
  #held = false;
  /** The record is gone and comes back as growth; one that expired only with what still fits. */
  #rejoining: 'no' | 'expired' | 'wiped' = 'no';
  #writing = false;
  #cancelTurn: () => void = () => undefined;

  constructor(record: NewRecord, deps: TenancyDeps) {
    const { view, time } = deps;
    this.#deps = deps;
    this.#record = record;
    this.#fence = new Fence({ time, times: deps.times, minority: deps.minority, over: () => this.#end('fenced') });
    const capacity = (): number => this.#record.capacity;
    this.#places = new Places({ worker: record.worker, view, time, capacity, changed: () => this.#writeWithin(GATHER) });
    this.#sequence = view.sequenceOf(record.worker) ?? 0;
    this.#stops.push(
      view.onSeen((seen) => this.#seen(seen)),
      view.onChange(() => this.#turn()),
      view.onSnapshot((present, cut) => this.#snapshot(present.has(record.worker), cut)),
    );
  }

  /** Writes the record for the first time; rejects with `cluster.unavailable` after `deadline` milliseconds. */
  async open(deadline: number): Promise<void> {
    const cancel = this.#deps.time.after(deadline, () => this.#end('fenced'));
    this.poke();
    await this.#first.promise.finally(cancel);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  remaining(): number {
    if (!this.#held || this.lost.aborted) return 0;
    const { left } = this.#fence;
    if (left === 0) this.#end('fenced');
    return left;
  }

  doubtful = (): boolean => this.#fence.doubtful();

  confirm(): Promise<number> {
    if (this.lost.aborted) return Promise.reject(new CausewayError('cluster.unavailable'));
    const confirmed = this.#confirmations.add(this.#deps.time.now());
    this.poke();
    return confirmed;
  }

  update(change: RecordChange): void {
    this.#record = { ...this.#record, ...change };
    this.#writeWithin(GATHER);
  }

  /** Writes now, e.g. after a new connection. */
  poke(): void {
    this.#writeWithin(0);
  }

  admit(claim: Claim, options: AdmitOptions = {}): Promise<Permit> {
    if (this.remaining() === 0) return Promise.reject(new CausewayError('cluster.unavailable', { retryAfter: 2 }));
    return this.#places.admit(claim, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.lost.aborted) return;
    this.#end('returned');
    const { store } = this.#deps;
    if (store.live) await store.purge(this.#record.worker, { own: this.#sequence }).catch(() => undefined);
  }

  #writeWithin(ms: number): void {
    this.#due = Math.min(this.#due, this.#deps.time.now() + ms);
    this.#turn();
  }

  /** Does what is to be done now; else sets the time of the next look. */
  #turn(): void {
    const { store, view, time } = this.#deps;
    this.#cancelTurn();
    if (this.lost.aborted || this.#writing || !store.live) return;
    const now = time.now();
    const rejoining = this.#rejoining !== 'no';
    const late = this.#fence.age > 2 * this.#deps.times.heartbeat && !rejoining && this.#held;
    const mayGrow = this.#held && !late && now >= this.#notBefore && view.last >= Math.max(this.#growAfter, this.#writeAfter);
    if (mayGrow) {
      if (this.#rejoining === 'expired') this.#places.revoke();
      const granted = view.whole ? this.#places.fitting() : [];
      if (granted.length > 0 || rejoining) return void this.#write(granted, { log: view.last });
    }
    const mayWrite = !rejoining && now >= this.#notBefore && view.last >= this.#writeAfter;
    if (mayWrite && now >= this.#due) return void this.#write([], { own: this.#sequence });
    // What waits to see more of the log is taken up when it is seen.
    const next = now < this.#notBefore ? this.#notBefore : this.#due;
    if (next > now) this.#cancelTurn = time.after(next - now, () => this.#turn());
  }

  async #write(granted: readonly Waiting[], expect: Expectation): Promise<void> {
    const { store, view, time, times } = this.#deps;
    const sent = time.now();
    const text = JSON.stringify({ ...this.#record, ...this.#places.held(granted) });
    this.#writing = true;
    this.#due = sent + times.heartbeat;
    try {
      const sequence = await store.put(this.#record.worker, text, times.ttl, expect);
      this.#sequence = Math.max(this.#sequence, sequence);
      if ('log' in expect) view.wrote(sequence);
      else this.#growAfter = Math.max(this.#growAfter, sequence);
      this.#acknowledged(sent);
      if ('log' in expect) this.#rejoining = 'no';
      if (!this.lost.aborted) this.#places.grant(granted);
    } catch (error) {
      this.#due = sent;
      this.#failed(error, expect);
    }
    this.#writing = false;
    this.#turn();
  }

  #failed(error: unknown, expect: Expectation): void {
    const { store, view, time } = this.#deps;
    const told = error instanceof WriteConflict ? error.sequence : undefined;
    if (told === undefined) {
      this.failure = error;
      this.#notBefore = time.now() + RETRY * (1 + time.random());
    } else if ('log' in expect) {
      // A log that is shorter than what was seen of it is another one.
      if (told < view.last) store.resync();
      else this.#growAfter = told;
      this.#notBefore = time.now() + (told < view.last ? RETRY : 5 * time.random());
    } else if (!this.#held) {
      this.#sequence = told;
    } else if (told === 0) {
      this.#vanished('wiped');
    } else {
      this.#writeAfter = told;
    }
  }

  /** What was seen of the own record. */
  #seen({ key, sequence, gone, text }: SeenRecord): void {
    if (key === this.#record.worker && sequence > this.#sequence) {
      this.#sequence = sequence;
      // What nobody can read is no record: others take it for removed.
      const unread = text !== undefined && this.#deps.view.sequenceOf(key) === undefined;
      if ((gone === 'taken' || unread) && this.#held) return this.#end('deposed');
      if ((gone === 'expired' || gone === 'wiped') && this.#held) this.#vanished(gone);
    }
    if (this.#places.wanted || this.#rejoining !== 'no' || this.#writeAfter > 0) this.#turn();
  }

  #snapshot(present: boolean, cut: boolean): void {
    this.#growAfter = 0;
    this.#writeAfter = 0;
    if (this.#held && !present) this.#vanished('wiped', cut);
    this.#turn();
  }

  /** `cut`: nothing was seen for a while before. */
  #vanished(how: 'expired' | 'wiped', cut = false): void {
    // Where that could not be seen it may have been taken away before it was wiped.
    if (how === 'wiped' && (this.doubtful() || (cut && this.#fence.old))) return this.#end('deposed');
    this.#sequence = 0;
    this.#rejoining = how;
    if (how === 'wiped') this.#deps.wiped();
  }

  #acknowledged(sent: number): void {
    if (this.lost.aborted || (this.#held && this.remaining() === 0)) return;
    this.#fence.acknowledged(sent);
    this.failure = undefined;
    this.#held = true;
    if (this.remaining() === 0) return;
    this.#first.resolve();
    this.#confirmations.acknowledged(sent, this.#sequence);
  }

  #end(why: LeaseLoss): void {
    if (this.lost.aborted) return;
    this.#cancelTurn();
    this.#fence.cancel();
    for (const stop of this.#stops) stop();
    this.#lost.abort(why);
    this.#places.close();
    this.#confirmations.close();
    this.#first.reject(unwritten(this.failure));
    this.#first.promise.catch(() => undefined);
    this.#deps.ended();
  }
}
