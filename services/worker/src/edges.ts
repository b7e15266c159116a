/**
 * Owns knowing whether the edges that sessions here are sent to are still there. An edge that dies says
 * nothing, and a quiet stream would never find out: each edge is pinged, once for all sessions together.
 *
 * Invariants: pings cost by the number of edges, never of sessions; while nobody is attached there are
 * none; only the bus's word that nobody listens counts, silence does not; nor does a word about a ping that was sent
 * before the edge was heard last.
 */
import { edgeOf, offer } from '@causeway/cluster';
import { Chain, type Link, type Wheel } from '@causeway/runtime';

/** Milliseconds between pings. */
const INTERVAL = 2_000;

/** Who is sent something by way of an edge. */
export interface EdgeHolder {
  edgeLost(edge: string): void;
}

/** What `hold` gives, for `release`. */
export type EdgeHold = Link<EdgeHolder>;

interface Watched {
  readonly ping: string;
  readonly holders: Chain<EdgeHolder>;
  /** The number of the last ping that was sent before it was heard last. */
  heard: number;
}

export class EdgeWatch implements Disposable {
  readonly #wheel: Wheel;
  readonly #ping: (edge: string, subject: string, nth: number) => void;
  #pings = 0;
  readonly #edges = new Map<string, Watched>();
  #cancel: (() => void) | undefined;

  /** `ping` sends one; may throw BusError. */
  constructor(wheel: Wheel, ping: (edge: string, subject: string, nth: number) => void) {
    this.#wheel = wheel;
    this.#ping = ping;
  }

  /** `holder` is sent to the address `to` from now on. */
  hold(to: string, holder: EdgeHolder): EdgeHold {
    const { edge, ping } = edgeOf(to);
    const watched = this.#edges.get(edge) ?? this.#watch(edge, ping);
    watched.heard = this.#pings;
    this.#cancel ??= this.#wheel.after(INTERVAL, () => this.#beat());
    return watched.holders.add(holder);
  }

  /** It is not any more. */
  release(hold: EdgeHold): void {
    hold.chain?.remove(hold);
  }

  /** Something came from there. */
  heard(to: string): void {
    if (this.#edges.size === 0) return;
    const watched = this.#edges.get(edgeOf(to).edge);
    if (watched) watched.heard = this.#pings;
  }

  /** The bus found nobody at that edge for the `nth` ping. */
  lost(edge: string, nth: number): void {
    const watched = this.#edges.get(edge);
    if (watched === undefined || nth <= watched.heard) return;
    for (const holder of new Set(watched.holders)) holder.edgeLost(edge);
  }

  [Symbol.dispose](): void {
    this.#cancel?.();
    this.#edges.clear();
  }

  #watch(edge: string, ping: string): Watched {
    const watched: Watched = { ping, holders: new Chain(), heard: 0 };
    this.#edges.set(edge, watched);
    return watched;
  }

  /** Whoever holds an edge no more is forgotten here, not with every message. */
  #beat(): void {
    for (const [edge, { holders }] of this.#edges) if (holders.size === 0) this.#edges.delete(edge);
    this.#cancel = this.#edges.size === 0 ? undefined : this.#wheel.after(INTERVAL, () => this.#beat());
    // Without a bus nothing is known; it is asked again when it is back.
    this.#pings += 1;
    for (const [edge, { ping }] of this.#edges) offer(() => this.#ping(edge, ping, this.#pings));
  }
}
