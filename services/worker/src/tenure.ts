/**
 * Owns this worker's right to act: the lease in the ledger, and what becomes of its sessions while it is in doubt,
 * lost, and had again.
 *
 * Invariants: a session is touched only while the lease is good; after a moment without the bus, or on a bus that was
 * silent, one in which this process or its machine stood still, or one in which others may have found nobody here
 * (`Lease.doubtful`), it is good again only when the store has acknowledged it, for meanwhile it may have been taken away;
 * without a lease no session is taken in; those that were held are kept untouched for `grace` and end after it, and a lease
 * that was had again in time keeps only what nobody has taken over; until one is granted or the worker ends it is asked
 * for, never twice at a time, and at once when the bus is back.
 */
import type { AdmitOptions, Claim, Ledger, Lease, LeaseLoss, NewRecord, Permit, RecordChange } from '@causeway/cluster';
import { CausewayError } from '@causeway/protocol';
import { Retries, type Log, type Wheel } from '@causeway/runtime';
import type { HeldSessions } from './held-sessions.ts';
import type { Standstill } from './standstill.ts';

export interface Tenure extends AsyncDisposable {
  /** The lease is good at this moment, and not in doubt by itself (`Lease.doubtful`). */
  readonly held: boolean;
  /** It is, and nobody can have taken it away without being noticed here. */
  readonly certain: boolean;
  /** Says what has changed about this worker; it reaches the ledger as soon as there is a lease. */
  update(change: RecordChange): void;
  /** A place under every limit; as `Lease.admit`. */
  admit(claim: Claim, options: AdmitOptions): Promise<Permit>;
  /**
   * Says that this worker holds nothing any more. Resolves when, as a rule, everybody knows, so that nothing comes any
   * more, or when nobody can be told; never rejects.
   */
  leave(): Promise<void>;
  /** The bus is lost, or back; `silent`: as `StatusListener`. */
  connected(is: boolean, silent?: boolean): void;
  /** Something is about to be done: the lease may have run out, or, if this process stood still before, have been taken away. */
  awake(): void;
}

export interface TenureDeps {
  readonly ledger: Ledger;
  readonly wheel: Wheel;
  readonly now: () => number;
  readonly standstill: Pick<Standstill, 'sinceAsked'>;
  readonly log: Log;
  /** Milliseconds for which sessions outlive a lease that ran out now. */
  readonly grace: () => number;
  readonly sessions: HeldSessions;
}

/** Milliseconds before a lease is asked for again, the first time, and between attempts to take sessions in again. */
const AGAIN = 500;
/** Milliseconds without the bus in which nobody can have taken the lease away (takeover.ts, `SILENCE`). */
const UNNOTICED = 1_000;
/** Milliseconds between two signs that this process runs. */
const PULSE = 500;
/** Milliseconds that the store may take to note that this worker leaves. */
const FAREWELL = 2_000;
/** Milliseconds for which the sessions of a lease that was taken away are kept, to find out which are still ours. */
const DEPOSED_GRACE = 10_000;

/** Rejects with CausewayError `cluster.unavailable` if the first lease cannot be had. */
export async function openTenure(deps: TenureDeps, first: NewRecord): Promise<Tenure> {
  const tenure = new WorkerTenure(deps, first);
  await tenure.open();
  return tenure;
}

class WorkerTenure implements Tenure {
  readonly #deps: TenureDeps;
  #record: NewRecord;
  #lease: Lease | undefined;
  /** When the bus was lost: long ago, if nobody knows. */
  #cutAt: number | undefined;
  /** The latest doubt whether the lease is good. */
  #doubted: object | undefined;
  #cancelPulse: () => void = () => undefined;
  #closed = false;
  readonly #retries: Retries;
  #cancelReadmit: () => void = () => undefined;
  #cancelGrace: () => void = () => undefined;
  /** Sessions of a lost lease are still here. */
  #kept = false;

  constructor(deps: TenureDeps, record: NewRecord) {
    this.#deps = deps;
    this.#record = record;
    this.#retries = new Retries(deps.wheel, AGAIN);
  }

  async open(): Promise<void> {
    this.#follow(await this.#deps.ledger.lease(this.#record));
    this.#pulse();
  }

  get held(): boolean {
    return this.#lease !== undefined && this.#lease.remaining() > 0 && !this.#lease.doubtful();
  }

  get certain(): boolean {
    return this.held && this.#doubted === undefined && this.#cutAt === undefined;
  }

  update(change: RecordChange): void {
    this.#record = { ...this.#record, ...change };
    this.#lease?.update(change);
  }

  admit(claim: Claim, options: AdmitOptions): Promise<Permit> {
    return this.#lease?.admit(claim, options) ?? Promise.reject(new CausewayError('cluster.unavailable', { retryAfter: 2 }));
  }

  async leave(): Promise<void> {
    const { ledger, wheel } = this.#deps;
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const cancel = wheel.after(FAREWELL, () => resolve(false));
    this.update({ draining: true, left: true });
    const told = this.#lease?.confirm().then(
      () => true,
      () => false,
    );
    const heard = await Promise.race([told, late]);
    cancel();
    // Timers keep no process alive: within one process there is nothing to wait for.
    if (heard === true && ledger.spread > 0) await new Promise<void>((done) => wheel.after(ledger.spread, done));
  }

  connected(is: boolean, silent = false): void {
    const now = this.#deps.now();
    if (!is) {
      this.#cutAt ??= silent ? -Infinity : now;
      return;
    }
    const gone = this.#cutAt === undefined ? 0 : now - this.#cutAt;
    this.#cutAt = undefined;
    const lease = this.#lease;
    if (lease === undefined) this.#retries.hasten();
    else if (gone >= UNNOTICED) this.#doubt(lease);
  }

  awake(): void {
    const still = this.#deps.standstill.sinceAsked();
    const lease = this.#lease;
    // Asked for what is left, a lease that has run out says so to all at once.
    if (lease === undefined || lease.remaining() === 0) return;
    if (still >= UNNOTICED + PULSE) this.#doubt(lease);
    else if (this.#doubted === undefined && lease.doubtful()) {
      this.#deps.log.warn({}, 'the NATS server here is cut off from the others, sessions wait for the word of the store');
      this.#doubt(lease);
    }
  }

  /** No session is touched until the store has acknowledged the lease. */
  #doubt(lease: Lease): void {
    const { sessions } = this.#deps;
    const doubt = {};
    this.#doubted = doubt;
    sessions.suspend('doubt');
    const confirmed = (): void => {
      // Nobody may have asked since this process stood still once more.
      this.awake();
      if (this.#lease !== lease || this.#doubted !== doubt) return;
      this.#doubted = undefined;
      sessions.resume();
    };
    // Lost: `#lose` sees to the sessions.
    lease.confirm().then(confirmed, () => undefined);
  }

  #pulse(): void {
    this.awake();
    this.#cancelPulse = this.#deps.wheel.after(PULSE, () => this.#pulse());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#cancelPulse();
    this.#retries.end();
    this.#cancelReadmit();
    this.#cancelGrace();
    await this.#lease?.[Symbol.asyncDispose]();
  }

  #follow(lease: Lease): void {
    this.#lease = lease;
    lease.lost.addEventListener('abort', () => void this.#lose(lease), { once: true });
  }

  async #lose(lease: Lease): Promise<void> {
    if (this.#closed || this.#lease !== lease) return;
    this.#lease = undefined;
    const { log, sessions } = this.#deps;
    const why = lease.lost.reason as LeaseLoss;
    const grace = Math.max(this.#deps.grace(), why === 'deposed' ? DEPOSED_GRACE : 0);
    const next = grace > 0 ? 'sessions wait for another' : 'ending every session';
    log.error({ reason: 'lease_lost', why, grace, err: lease.failure }, `lease lost, ${next}`);
    sessions.suspend('lease');
    // What the store would have said of that lease does not matter any more.
    if (this.#doubted !== undefined) sessions.resume();
    this.#doubted = undefined;
    if (grace > 0) this.#keep(grace, 'no lease in time, ending every session');
    else await sessions.end();
    await lease[Symbol.asyncDispose]();
    await this.#renew();
  }

  async #renew(): Promise<void> {
    if (this.#closed) return;
    const { ledger, log } = this.#deps;
    try {
      const next = await ledger.lease(this.#record);
      if (this.#closed) return await next[Symbol.asyncDispose]();
      this.#retries.end();
      this.#follow(next);
      next.update(this.#record);
      log.info({}, 'lease taken again');
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
      if (!this.#closed) this.#retries.after(() => void this.#renew());
      return;
    }
    if (!this.#kept) return;
    this.#keep(Math.max(this.#deps.grace(), DEPOSED_GRACE), 'sessions could not be taken in again in time, ending them');
    await this.#readmit();
  }

  /** Sessions that wait for a lease are kept for so many milliseconds from now. */
  #keep(grace: number, over: string): void {
    const { log, sessions, wheel } = this.#deps;
    this.#kept = true;
    this.#cancelGrace();
    this.#cancelGrace = wheel.after(grace, () => {
      this.#kept = false;
      log.error({ reason: 'lease_lost' }, over);
      void sessions.end();
    });
  }

  /** Takes the sessions in under the present lease, as long as it is had; what the store could not say is asked again. */
  async #readmit(): Promise<void> {
    const { sessions, wheel } = this.#deps;
    const lease = this.#lease;
    const settled = await sessions.readmit();
    if (this.#lease !== lease || this.#closed || !this.#kept) return;
    if (settled) {
      this.#kept = false;
      this.#cancelGrace();
    } else {
      this.#cancelReadmit = wheel.after(AGAIN, () => void this.#readmit());
    }
  }
}
