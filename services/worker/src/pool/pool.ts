/**
 * Owns the children of one server, one era and one scope of sharing that serve requests without a session: who uses
 * which, how many there are, and when one is good enough to be used again.
 *
 * Invariants: a child is held alone or shared, never both; every use ends with a word on how it went, and after a
 * doubtful one, with `per-request` after any, the child serves nobody again; there are never more than `max`; one that was
 * idle for long is asked whether it lives before it is used; some children stay free of calls that wait for their clients,
 * so that those cannot block the pool; nobody waits where no child starts, or will be free.
 */
import { asCausewayError, type CausewayError } from '@causeway/protocol';
import type { Link } from '@causeway/runtime';
import { lives } from './health.ts';
import { IdleMembers } from './idle-members.ts';
import { comesFree, isIdle, memberOf, servesOnce, servesOne, type Lease, type LeaseWish, type Member, type PoolOrder } from './lease.ts';
import type { Hearing, PooledProcess } from './pooled-process.ts';
import { startProcess, type ProcessDeps } from './start-process.ts';
import { Waiting } from './waiting.ts';

export interface PoolDeps extends ProcessDeps {
  /** Something was said that names no request. */
  readonly heard: Hearing;
  /** Another worker has room for a child of the server. */
  readonly roomElsewhere: (server: string) => boolean;
  /** It has no children any more and nobody waits. */
  readonly empty: () => void;
}

/** Uses that one shared child may have at once. */
const SHARED = 64;
/** Milliseconds of idleness after which a child is asked first whether it lives. */
const STALE = 60_000;
/** Children that calls which wait for their clients must leave to others. */
const HEADROOM = 1;

export class Pool {
  readonly order: PoolOrder;
  readonly #deps: PoolDeps;
  readonly #members = new Map<PooledProcess, Member>();
  readonly #idle: IdleMembers;
  /** How each is given up, and when it is over. */
  readonly #starting = new Map<AbortController, Promise<void>>();
  readonly #examined = new Set<Member>();
  readonly #waiting: Waiting<LeaseWish, Lease>;
  #retired = false;
  #closed: CausewayError | undefined;

  constructor(deps: PoolDeps, order: PoolOrder) {
    this.#deps = deps;
    this.order = order;
    this.#waiting = new Waiting(deps.wheel);
    this.#idle = new IdleMembers({
      wheel: deps.wheel,
      now: deps.now,
      last: order.server.pool.idle,
      alone: () => this.#members.size === 1,
      giveUp: (member) => void this.#discard(member),
    });
  }

  /** A child to use. Rejects with CausewayError: how it could not be started, `server.busy` when none became free. */
  async lease(wish: LeaseWish): Promise<Lease> {
    if (this.#closed) throw this.#closed;
    const free = this.#offer(wish);
    if (free) return free;
    const { pool, startTimeout } = this.order.server;
    const starts = this.#starting.size > 0 || this.size < pool.max;
    const lease = this.#waiting.add(wish, starts ? startTimeout : 0);
    this.#grow();
    return lease;
  }

  /** How many children there are, those that start included. */
  get size(): number {
    return this.#members.size + this.#starting.size;
  }

  /** Since when the child that was idle for longest is, in monotonic milliseconds; `undefined`: none is. */
  get idleSince(): number | undefined {
    return this.#idle.oldest?.idleSince;
  }

  /** Any child's greeting. */
  get greeting(): string | undefined {
    const [first] = this.#members.keys();
    return first?.greeting;
  }

  /** The call on this child waits for its client from now on, or does not any more. `false`: too many do already. */
  park(process: PooledProcess, parked: boolean): boolean {
    const member = this.#members.get(process);
    if (!member) return false;
    const others = [...this.#members.values()].filter((one) => one !== member && one.parked).length;
    if (parked && others >= this.order.server.pool.max - HEADROOM) return false;
    member.parked = parked;
    // Who has waited for this one waits for nothing now.
    if (parked) this.#grow();
    return true;
  }

  /** Lets go of the child that was idle for longest; resolves when its place is free. */
  async shrink(): Promise<void> {
    const { oldest } = this.#idle;
    if (oldest) await this.#discard(oldest);
  }

  /** From here on a child that nobody uses is given up. */
  retire(): void {
    this.#retired = true;
    for (const member of [...this.#idle]) void this.#discard(member);
  }

  /** Ends every child, those that start included; nothing is given out any more. Resolves when they are gone. */
  async close(why: CausewayError): Promise<void> {
    this.#closed = why;
    this.#waiting.refuse(why, () => true);
    const starting = [...this.#starting.values()];
    for (const abandon of this.#starting.keys()) abandon.abort(why);
    await Promise.all([...starting, ...[...this.#members.values()].map((member) => this.#discard(member, why))]);
  }

  /** A child that can be used now. One that was idle for long is examined, for whoever waits. */
  #offer(wish: LeaseWish): Lease | undefined {
    let first: Member | undefined;
    let stale: Member | undefined;
    for (const member of wish.exclusive ? this.#idle : this.#members.values()) {
      if (!wish.exclusive && (member.exclusive || member.retired || member.leases.size >= SHARED)) continue;
      if (member.idle && this.#deps.now() - member.idleSince >= STALE) stale ??= member;
      else if (wish.prefer === undefined || wish.prefer === member.process.id) return this.#use(member, wish);
      else first ??= member;
    }
    if (first) return this.#use(first, wish);
    if (stale) void this.#examine(stale);
    return undefined;
  }

  #use(member: Member, { exclusive, lasts = false }: LeaseWish): Lease {
    this.#idle.remove(member);
    member.exclusive = exclusive;
    const lease: Lease = {
      process: member.process,
      lasts,
      end: (outcome) => {
        if (!member.leases.remove(link)) return;
        member.process.holder = undefined;
        member.parked = false;
        member.retired ||= this.#retired || outcome === 'doubtful' || servesOnce(this.order);
        if (isIdle(member) && member.retired) void this.#discard(member);
        else if (isIdle(member)) this.#rest(member);
        this.#serve();
      },
    };
    const link: Link<Lease> = member.leases.add(lease);
    return lease;
  }

  /** Starts as many children as serve those that wait, within the maximum: one for each that wants it alone, one for many others. */
  #grow(): void {
    if (this.#waiting.size === 0 || this.size >= this.order.server.pool.max) return;
    const alone = this.#waiting.count(({ exclusive }) => exclusive);
    const wanted = alone + Math.ceil((this.#waiting.size - alone) / SHARED);
    const coming = (): number => this.#starting.size + this.#examined.size;
    while (!this.#closed && coming() < wanted && this.size < this.order.server.pool.max) this.#start();
  }

  #start(): void {
    const { server, era, share } = this.order;
    const abandon = new AbortController();
    const order = { server, era, share, hears: this.#deps.heard, lost: (one: PooledProcess) => this.#lost(one), signal: abandon.signal };
    const over = startProcess(this.#deps, order).then(
      async (started) => {
        this.#starting.delete(abandon);
        const member = memberOf(started, this.#deps.now());
        this.#members.set(started.process, member);
        if (this.#closed) return this.#discard(member, this.#closed);
        this.#rest(member);
        this.#serve();
        // Whoever it was started for may have left.
        if (this.#retired && member.idle) void this.#discard(member);
      },
      (error: unknown) => {
        this.#starting.delete(abandon);
        this.#failed(error);
      },
    );
    this.#starting.set(abandon, over);
  }

  /**
   * One start fewer than are waited for: those are told why who have nothing else to wait for. Where everybody has, the first is
   * told, but for want of a place only if another worker has one.
   */
  #failed(error: unknown): void {
    const told = asCausewayError(error);
    if (told.reason === 'internal') this.#deps.log.error({ err: error }, 'child of a pool not started');
    const final = told.reason === 'limit.worker' ? this.#deps.roomElsewhere(this.order.server.name) : !told.reason.startsWith('limit.');
    if (this.#waiting.refuse(told, (wish) => !this.#comes(wish)) === 0 && final) this.#waiting.refuseFirst(told);
    this.#vanish();
  }

  /** Whether a child starts, or will be free, for such a wish. */
  #comes(wish: LeaseWish): boolean {
    return this.#starting.size > 0 || [...this.#members.values()].some((member) => comesFree(member, wish));
  }

  /** Whoever has waited longest gets what is free. */
  #serve(): void {
    this.#waiting.serve(
      (wish) => this.#offer(wish),
      () => this.#idle.size > 0 || !servesOne(this.order),
    );
    this.#grow();
  }

  /** Nobody uses it; it may have ended meanwhile. */
  #rest(member: Member): void {
    member.exclusive = false;
    if (this.#members.has(member.process)) this.#idle.add(member);
  }

  /** Finds out whether a child that was idle for long lives. */
  async #examine(member: Member): Promise<void> {
    this.#examined.add(member);
    const lease = this.#use(member, { exclusive: true });
    const sound = await lives(member.process, this.#deps.wheel);
    this.#examined.delete(member);
    lease.end(sound ? 'sound' : 'doubtful');
  }

  #lost(process: PooledProcess): void {
    const member = this.#members.get(process);
    if (member) void this.#discard(member);
  }

  async #discard(member: Member, why?: CausewayError): Promise<void> {
    if (!this.#members.delete(member.process)) return;
    this.#idle.remove(member);
    await member.stop(why);
    this.#serve();
    this.#vanish();
  }

  #vanish(): void {
    if (this.size === 0 && this.#waiting.size === 0) this.#deps.empty();
  }
}
