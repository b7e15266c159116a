/**
 * Owns a split of the cluster's three servers: one is apart from the two others, of which one leads the stores. Nobody
 * loses a connection by it. What is to cross the way between two servers waits without a word, and arrives late if they are
 * joined before they notice; once the server at one end has noticed, what it had for the other is lost, and it says that
 * nobody is there. Each of the two ways has its own times. The server that is apart tells whoever is connected to it when it
 * knows of no other any more, and when it does again.
 */
import type { VirtualTime } from './time.ts';

/** How the ways are cut: without a word, or each end is told by a reset when it sends something next. */
export type Cut = 'silent' | 'reset';

/** Milliseconds until a server gives up a way: one whose buffers are full sooner than one whose pings are not answered. */
const NOTICED: Readonly<Record<Cut, { readonly low: number; readonly high: number }>> = {
  silent: { low: 6_000, high: 15_000 },
  reset: { low: 0, high: 1_000 },
};
/** Milliseconds until two servers have found each other again, and each knows who is at the other. */
const JOINED = { low: 50, high: 3_000 } as const;

/** `apart`: at the one that is split off. `leader`: at the one where what is written is taken. */
export type Place = 'apart' | 'leader' | 'third';
const PLACES: readonly Place[] = ['apart', 'leader', 'third'];
const OTHERS = ['leader', 'third'] as const;

/** What is at one of the servers, another one perhaps when its link has changed: a connection, or a consumer of the log. */
export interface Seat {
  readonly link: number;
  /** It is there no more. */
  readonly dropped: boolean;
}

/** Of the stores. */
export const LEADER: Seat = { link: 0, dropped: false };

interface Seated {
  readonly link: number;
  readonly place: Place;
  /** The servers across know of it. */
  readonly known: boolean;
}

interface Crossing {
  readonly from: Place;
  readonly arrive: () => void;
  readonly lost: () => void;
}

/** Between the server that is apart and another one. */
interface Way {
  /** The ends that have noticed. */
  readonly noticed: Set<Place>;
  crossings: Crossing[];
}

export class Split {
  readonly #time: VirtualTime;
  readonly #seated = new Map<Seat, Seated>();
  /** The ways that are cut, by their other ends. */
  readonly #ways = new Map<Place, Way>();
  #cut: Cut = 'silent';
  #joined: () => void = () => undefined;
  #told: () => void = () => undefined;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  get on(): boolean {
    return this.#ways.size > 0;
  }

  /** How it was made. */
  get cut(): Cut | undefined {
    return this.on ? this.#cut : undefined;
  }

  /**
   * Until `heal`, and whatever the servers need then. `joined` is called after each way that is whole again, `told` when the
   * server that is apart may say something else of the others than before.
   */
  begin(seats: ReadonlyMap<Seat, Place>, cut: Cut, { joined, told }: { readonly joined: () => void; readonly told: () => void }): void {
    this.#seated.clear();
    for (const [seat, place] of seats) this.#seated.set(seat, { link: seat.link, place, known: !seat.dropped });
    this.#seated.set(LEADER, { link: 0, place: 'leader', known: true });
    this.#cut = cut;
    this.#joined = joined;
    this.#told = told;
    for (const other of OTHERS) {
      const way: Way = { noticed: new Set(), crossings: [] };
      this.#ways.set(other, way);
      for (const end of ['apart', other] as const) this.#later(NOTICED[cut], way, () => this.#notice(way, end));
    }
  }

  heal(): void {
    for (const [other, way] of this.#ways) {
      // An end that has given up tells the other.
      if (way.noticed.size > 0) for (const end of ['apart', other] as const) this.#notice(way, end);
      this.#later(JOINED, way, () => {
        this.#ways.delete(other);
        for (const { arrive } of way.crossings.splice(0)) this.#time.after(0, arrive);
        this.#joined();
        this.#told();
      });
    }
  }

  /** Where something is that was not there when it began. */
  seat(seat: Seat, place: Place): void {
    if (this.on) this.#seated.set(seat, { link: seat.link, place, known: false });
  }

  isApart(seat: Seat): boolean {
    return this.on && this.#find(seat).place === 'apart';
  }

  /** Its server says that it knows of no other. */
  isAlone(seat: Seat): boolean {
    const ways = [...this.#ways.values()];
    return ways.length === OTHERS.length && ways.every(({ noticed }) => noticed.has('apart')) && this.isApart(seat);
  }

  /** Nothing gets from one to the other. */
  parts(one: Seat, other: Seat): boolean {
    return this.on && this.#between(one, other) !== undefined;
  }

  /** Whether the server of one takes the other to be there across a way that is cut, be it gone or not. */
  believes(one: Seat, other: Seat): boolean {
    const way = this.on ? this.#between(one, other) : undefined;
    return way !== undefined && this.#find(other).known && !way.noticed.has(this.#find(one).place);
  }

  /** Brings something from the server of one to that of the other; `false`: nobody is known there. `lost`: it waited in vain. */
  carry(one: Seat, other: Seat, arrive: () => void, lost: () => void = () => undefined): boolean {
    const way = this.on ? this.#between(one, other) : undefined;
    if (way === undefined) arrive();
    else if (this.believes(one, other)) way.crossings.push({ from: this.#find(one).place, arrive, lost });
    else return false;
    return true;
  }

  #between(one: Seat, other: Seat): Way | undefined {
    const [from, to] = [this.#find(one).place, this.#find(other).place];
    if (from === to || (from !== 'apart' && to !== 'apart')) return undefined;
    return this.#ways.get(from === 'apart' ? to : from);
  }

  #find(seat: Seat): Seated {
    const before = this.#seated.get(seat);
    if (before?.link === seat.link) return before;
    const place = this.#time.pick(PLACES);
    const seated = { link: seat.link, place, known: before?.known === true && before.place === place };
    this.#seated.set(seat, seated);
    return seated;
  }

  #later({ low, high }: { readonly low: number; readonly high: number }, way: Way, fn: () => void): void {
    this.#time.after(this.#time.between(low, high), () => [...this.#ways.values()].includes(way) && fn());
  }

  #notice(way: Way, end: Place): void {
    way.noticed.add(end);
    const lost = way.crossings.filter(({ from }) => from === end);
    way.crossings = way.crossings.filter(({ from }) => from !== end);
    for (const crossing of lost) crossing.lost();
    if (end === 'apart') this.#told();
  }
}
