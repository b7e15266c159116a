/**
 * Owns a simulated world: virtual time, and the servers that everybody shares: the log of the workers' records, the
 * session records, the bus. Everything that happens follows from the seed.
 */
import type { WorkerId } from '@causeway/protocol';
import { RecordLog } from '../memory/record-log.ts';
import { Net } from './bus.ts';
import type { Connection } from './connection.ts';
import { Member } from './member.ts';
import { RecordStore, type Found } from './record-store.ts';
import { LEADER, Split, type Cut, type Place, type Seat } from './split.ts';
import { VirtualTime } from './time.ts';

/** Milliseconds in which others have another leader, and until one that hears nobody stops to lead. */
const ELECTION = { low: 4_000, high: 9_000 } as const;
const UNAWARE = { low: 10_000, high: 20_000 } as const;

export class World {
  readonly time: VirtualTime;
  readonly log: RecordLog;
  readonly records = new RecordStore();
  readonly split: Split;
  readonly net: Net;
  readonly members: Member[] = [];
  /** Signs session ids. */
  readonly key = Buffer.alloc(32, 7);
  /** Share of the messages to and from the stores that are lost. */
  loss = 0;
  #leaderlessUntil = 0;
  #former: Found | undefined;

  constructor(seed: number) {
    this.time = new VirtualTime(seed);
    this.log = new RecordLog(this.time);
    this.split = new Split(this.time);
    this.net = new Net(this.split);
  }

  join(): Member {
    const member = new Member(this, `member${String(this.members.length).padStart(6, '0')}` as WorkerId);
    this.members.push(member);
    return member;
  }

  /** No write is taken for `ms`. */
  elect(ms: number): void {
    this.#leaderlessUntil = this.time.now() + ms;
  }

  /** Something for the leader of the stores: it serves it, or it is known that there is none, or nothing comes of it. */
  ask(from: Connection, serve: () => void, refuse: () => void): void {
    const led = (): void => (this.leaderless() ? refuse() : serve());
    if (!this.split.carry(from, LEADER, led) && this.time.random() < 0.5) refuse();
  }

  /** One server, at which some members are for certain, is split from the two others for `ms`; if it led, one of these does after a while. */
  part(ms: number, certain: readonly Member[], how: Cut): void {
    const { split, time, members } = this;
    if (split.on) return;
    // Open: whoever is cut off without a word at that moment cannot be told that its server is, by a reset.
    const cut = members.some(({ severed }) => severed) ? 'silent' : how;
    const seats = new Map<Seat, Place>();
    const other = (): Place => time.pick(['leader', 'third']);
    for (const member of members) {
      if (member.crashed) continue;
      // As a rule both connections of a process are at one server here: that is where the more can go wrong.
      const place = certain.includes(member) || time.random() < 0.25 ? 'apart' : other();
      const second = time.random() < 0.15 ? time.pick<Place>(['apart', other()]) : place;
      seats
        .set(member.control, place)
        .set(member.data, second)
        .set(member.consumer, time.random() < 1 / 3 ? 'apart' : other());
      if (place === 'apart' || second === 'apart') member.apart += 1;
    }
    if (time.random() < 1 / 3) this.#replaceLeader();
    split.begin(seats, cut, {
      joined: () => {
        // The one that was apart may have called for elections in vain, and is heard now.
        if (time.random() < 0.3) this.elect(time.between(500, 4_000));
        this.#former = undefined;
        for (const member of members) member.split(false);
      },
      told: () => {
        for (const member of members) member.informed();
      },
    });
    for (const member of members) member.split(true);
    time.after(ms, () => split.heal());
  }

  /** What the leader that is apart, and does not know yet that it was replaced, finds for whoever is there too. */
  formerly(control: Connection): Found | undefined {
    return this.#former !== undefined && this.split.isApart(control) ? this.#former : undefined;
  }

  /** It was the one that is apart. */
  #replaceLeader(): void {
    const { time } = this;
    this.elect(time.between(ELECTION.low, ELECTION.high));
    const former = this.records.copy();
    this.#former = former;
    time.after(time.between(UNAWARE.low, UNAWARE.high), () => {
      if (this.#former === former) this.#former = undefined;
    });
  }

  readonly leaderless = (): boolean => this.time.now() < this.#leaderlessUntil;
}
