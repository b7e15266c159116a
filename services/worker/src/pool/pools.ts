/**
 * Owns all pools of a worker: which children may be shared by whom, and giving up what is idle where a place is needed.
 *
 * Invariants: a child serves one scope for all its life, so what one identity left in it no other meets, unless the
 * server is configured to be shared; children of a definition that is no longer in force serve those who came under it, and
 * nobody after them; an idle child, here or at another worker, is given up before a claim is refused for
 * want of a place, if that makes room for it.
 */
import type { AdmitOptions, Claim, Permit } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import { CausewayError, type Frame, type Identity, type Reason } from '@causeway/protocol';
import { Pool, type PoolDeps } from './pool.ts';
import type { Era, PooledProcess } from './pooled-process.ts';
import type { Wanted } from './room.ts';

export interface PoolsDeps extends Omit<PoolDeps, 'heard' | 'lapsed' | 'empty'> {
  /** Whether this is how the server is started now. */
  readonly inForce: (server: ServerConfig) => boolean;
  /** A child said something that names no request. */
  readonly heard: (pool: Pool, frame: Frame, process: PooledProcess) => void;
  /** A child may have missed changes of its server's lists. */
  readonly lapsed: (pool: Pool) => void;
  /** Resolves with whether another worker gives up a child whose place this limit keeps from the claim. Never rejects. */
  readonly elsewhere: (claim: Claim, limit: Reason) => Promise<boolean>;
}

/** For whom a request is served. */
export interface Beneficiary {
  readonly identity: Identity;
  readonly share: Identity | undefined;
}

/** Reasons for which giving up an idle child may help. */
const FULL: ReadonlySet<Reason> = new Set(['limit.worker', 'limit.total', 'limit.server', 'limit.identity']);

/** Milliseconds in which a place may become free by itself, before a child is given up for it. */
const SOON = 100;
/** Milliseconds in which the place of a child that another worker gives up should be free: as a rule it ends with its stdin. */
const PARTING = 3_000;

export class Pools {
  readonly #deps: PoolsDeps;
  readonly #pools = new Map<string, Pool>();
  /** Of definitions that are no longer in force. */
  readonly #retired = new Set<Pool>();
  /** Closing pools whose children are not gone yet. */
  readonly #closing = new Set<Promise<void>>();

  constructor(deps: PoolsDeps) {
    this.#deps = { ...deps, admit: this.makingRoom(deps.admit) };
  }

  /** The children of a server that whoever asks may use. */
  of(server: ServerConfig, era: Era, { identity, share }: Beneficiary): Pool {
    const shared = server.sharing === 'shared';
    const key = `${era} ${shared ? '*' : identity} ${server.name}`;
    const known = this.#pools.get(key);
    if (known?.order.server === server) return known;
    const deps: PoolDeps = {
      ...this.#deps,
      heard: (frame, process) => this.#deps.heard(pool, frame, process),
      lapsed: () => this.#deps.lapsed(pool),
      empty: () => {
        if (pool.size > 0) return;
        this.#retired.delete(pool);
        if (this.#pools.get(key) === pool) this.#pools.delete(key);
      },
    };
    const pool: Pool = new Pool(deps, { server, era, share: shared ? undefined : share });
    if (this.#deps.inForce(server)) this.#pools.set(key, pool);
    else this.#retire(pool);
    return pool;
  }

  /** Looks which children belong to a definition that is no longer in force. */
  retire(): void {
    for (const [key, pool] of this.#pools) {
      if (this.#deps.inForce(pool.order.server)) continue;
      this.#pools.delete(key);
      this.#retire(pool);
    }
  }

  #retire(pool: Pool): void {
    this.#retired.add(pool);
    pool.retire();
  }

  /** Raw JSON text with which any child of the server greeted. */
  greeting(server: ServerConfig, era: Era): string | undefined {
    for (const { order, greeting } of this.#pools.values()) {
      if (order.server === server && order.era === era && greeting !== undefined) return greeting;
    }
    return undefined;
  }

  /** `admit`, which has an idle child given up, and asks again, before it refuses for want of a place. */
  makingRoom(admit: PoolsDeps['admit']): (claim: Claim, options: AdmitOptions) => Promise<Permit> {
    return async (claim, options) => {
      const patient = options.patience !== undefined;
      try {
        return await admit(claim, patient ? options : { ...options, patience: SOON });
      } catch (error) {
        if (!(error instanceof CausewayError) || !FULL.has(error.reason)) throw error;
        const gone = this.giveUp(claim, error.reason);
        await gone;
        if (gone === undefined && (await this.#deps.elsewhere(claim, error.reason))) return admit(claim, { patience: PARTING, ...options });
        if (gone === undefined && patient) throw error;
        return admit(claim, options);
      }
    };
  }

  /**
   * Gives up the child that was idle for longest of those that have their places under the limit which is in the way of the
   * claim. Resolves once it is gone; `undefined`: there is none.
   */
  giveUp(claim: Wanted, limit: Reason): Promise<void> | undefined {
    const idle = this.#all.filter((pool) => pool.idleSince !== undefined && countsWith(pool, claim, limit));
    const [pool] = idle.toSorted((one, other) => (one.idleSince ?? 0) - (other.idleSince ?? 0));
    return pool?.shrink();
  }

  /** Ends every child; what is asked later begins anew. Resolves when they are gone. */
  async discard(why: CausewayError): Promise<void> {
    const pools = this.#all;
    this.#pools.clear();
    this.#retired.clear();
    for (const pool of pools) {
      const closed = pool.close(why).finally(() => this.#closing.delete(closed));
      this.#closing.add(closed);
    }
    await Promise.all(this.#closing);
  }

  get #all(): readonly Pool[] {
    return [...this.#pools.values(), ...this.#retired];
  }
}

/** Whether a child of the pool has its place under the limit that is in the way of the claim. */
function countsWith({ order }: Pool, { server, identity }: Wanted, limit: Reason): boolean {
  if (limit === 'limit.server') return order.server.name === server;
  if (limit === 'limit.identity') return order.share === identity;
  return true;
}
