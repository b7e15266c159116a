/**
 * Owns places at other workers: whether one of them has room, and those under a limit of the cluster that their idle children
 * hold: whoever finds no place asks those who hold some, one after the other, until one has given up a child that it does not
 * use; and is asked itself.
 *
 * Invariants: nobody is asked of whom the records say that he holds nothing there; for one claim one child is given up at
 * most, but where an answer comes later than `ANSWER`; claims under one limit look in turn, and where none was to be had it
 * is not looked again for `QUIET`, so that a full cluster is not asked for each that it refuses; every search ends within
 * `PATIENCE`, and one that fails fails for its own claim alone.
 */
import {
  Envelope,
  envelopeOf,
  offer,
  place,
  scopeOfIdentity,
  scopeOfServer,
  type BusMessage,
  type Claim,
  type Cluster,
  type RoomHead,
  type Scope,
} from '@causeway/cluster';
import type { Reason, WorkerId } from '@causeway/protocol';
import { RecentMap, type Wheel } from '@causeway/runtime';

/** Milliseconds that a search may take. */
const PATIENCE = 1_000;
/** Milliseconds that a worker may take for its answer, which comes at once unless it hangs, or may not answer. */
const ANSWER = 250;
/** Milliseconds. */
const QUIET = 1_000;
/** Workers that are asked for one claim. */
const MOST = 64;

export interface RoomDeps {
  readonly cluster: Cluster;
  readonly worker: WorkerId;
  readonly wheel: Wheel;
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Gives up the child here that was idle for longest of those that count under this limit. Resolves once it is gone; `undefined`: there is none. */
  readonly giveUp: (place: Wanted, limit: Reason) => Promise<void> | undefined;
}

/** For whom a place is wanted. */
export type Wanted = Pick<Claim, 'server' | 'identity'>;

export class Room {
  readonly #deps: RoomDeps;
  /** Questions that have no answer yet. */
  readonly #asked = new Map<number, (given: boolean) => void>();
  /** The latest search under a limit. */
  readonly #searches = new Map<Scope, Promise<boolean>>();
  /** Until when nobody is asked again. */
  readonly #quiet = new RecentMap<Scope, number>(256);
  #next = 0;

  constructor(deps: RoomDeps) {
    this.#deps = deps;
  }

  /** Resolves with whether another worker gives up a child for the claim that this limit is in the way of: its place is free in a moment. */
  async find(claim: Wanted, limit: Reason): Promise<boolean> {
    const scope = scopeOf(claim, limit);
    if (scope === undefined) return false;
    const before = this.#searches.get(scope) ?? Promise.resolve(false);
    const search = before.catch(() => false).then(() => this.#search(scope, claim, limit));
    this.#searches.set(scope, search);
    try {
      return await search;
    } finally {
      if (this.#searches.get(scope) === search) this.#searches.delete(scope);
    }
  }

  /** Whether an edge would find another worker that has room for the server. */
  isElsewhere(server: string): boolean {
    const { cluster, worker, random } = this.#deps;
    const question = { server, except: new Set([worker]), pending: () => 0, absence: () => undefined, random };
    return typeof place(cluster.ledger.workers().values(), question) === 'object';
  }

  /** A question of another worker, or the answer to one of ours, whose number is `nth`. */
  receive(nth: string | undefined, message: BusMessage): void {
    const head = message.kind === 'data' ? envelopeOf<RoomHead>(message)?.head : undefined;
    if (nth !== undefined) return this.#asked.get(Number(nth))?.(head?.t === 'room' && head.given === true);
    const { reply } = message;
    if (head?.t !== 'room' || head.place === undefined || head.limit === undefined || reply === undefined) return;
    const given = this.#deps.giveUp(head.place, head.limit) !== undefined;
    offer(() => this.#deps.cluster.bus.publish(reply, new Envelope({ t: 'room', given })));
  }

  async #search(scope: Scope, claim: Wanted, limit: Reason): Promise<boolean> {
    const { cluster, worker, now, random } = this.#deps;
    if (now() < (this.#quiet.get(scope) ?? 0)) return false;
    const { server, identity } = claim;
    const place = { server, ...(identity === undefined ? {} : { identity }) };
    const holders = [...cluster.ledger.workers().values()].filter((one) => one.worker !== worker && (one.holds[scope] ?? 0) > 0);
    const from = Math.floor(random() * holders.length);
    const until = now() + PATIENCE;
    for (const one of [...holders.slice(from), ...holders.slice(0, from)].slice(0, MOST)) {
      const left = until - now();
      if (left <= 0) break;
      if (await this.#ask(one.worker, { t: 'room', place, limit }, Math.min(left, ANSWER))) return true;
    }
    this.#quiet.set(scope, now() + QUIET);
    return false;
  }

  /** `wait`: milliseconds. */
  #ask(other: WorkerId, head: RoomHead, wait: number): Promise<boolean> {
    const { cluster, worker, wheel } = this.#deps;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const nth = (this.#next += 1);
    this.#asked.set(nth, resolve);
    const cancel = wheel.after(wait, () => resolve(false));
    const { bus, subjects } = cluster;
    if (!offer(() => bus.publish(subjects.room(other), new Envelope(head), subjects.roomAnswer(worker, nth)))) resolve(false);
    return promise.finally(() => {
      cancel();
      this.#asked.delete(nth);
    });
  }
}

/** What the limit is of; `undefined`: this worker alone. */
function scopeOf({ server, identity }: Wanted, limit: Reason): Scope | undefined {
  if (limit === 'limit.total') return 'g';
  if (limit === 'limit.server') return scopeOfServer(server);
  return limit === 'limit.identity' && identity !== undefined ? scopeOfIdentity(identity) : undefined;
}
