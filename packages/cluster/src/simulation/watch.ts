/**
 * Owns how a simulated process follows the log of records, by the rules of `nats/watch.ts`: a consumer at one of the servers
 * sends it every entry; a new connection, silence, or something that was lost start again from a complete snapshot. A
 * consumer whose server is split from the log's leader is not silent: it goes on without anything new, and catches up.
 */
import type { SeenRecord } from '../records.ts';
import type { Member } from './member.ts';
import { LEADER, type Seat } from './split.ts';
import type { World } from './world.ts';

/** Milliseconds without a sign of life, of which there is one every 2 s, until it starts again, and after which it tries once more. */
const SILENT = { low: 3_000, high: 5_000 } as const;
const REFUSED = { low: 250, high: 500 } as const;
const UNANSWERED = { low: 5_250, high: 5_500 } as const;
/** Milliseconds until a server that was apart has what it missed. */
const CATCH_UP = 5_000;

const consumer = (): Seat => ({ link: 0, dropped: false });

export class Watch {
  readonly #member: Member;
  readonly #world: World;
  /** The newest one, and the one that is listened to; `undefined`: nothing counts until everything was looked at again. */
  #consumer = consumer();
  #heard: Seat | undefined = this.#consumer;
  /** What its server has not got yet. */
  #behind: SeenRecord[] = [];
  /** Something it sent did not arrive. */
  #missed = false;

  constructor(member: Member, world: World) {
    this.#member = member;
    this.#world = world;
    const { log, split } = world;
    split.seat(this.#consumer, 'leader');
    log.watch((entry) => this.#hear(entry));
    member.view.snapshot(log.entries, log.last);
  }

  get consumer(): Seat {
    return this.#consumer;
  }

  /** What is seen from now on follows nothing. */
  cut(): void {
    this.#heard = undefined;
  }

  /** Looks at everything again. */
  start(): void {
    this.#heard = undefined;
    const { control, view } = this.#member;
    const { log, split } = this.#world;
    const before = this.#consumer;
    control.up('look', () => {
      // Another look has begun meanwhile.
      if (this.#consumer !== before) return;
      if (split.parts(control, LEADER)) return this.#again(split.believes(control, LEADER) ? UNANSWERED : REFUSED);
      const { entries, last } = log;
      const begun = consumer();
      split.seat(begun, 'leader');
      this.#consumer = begun;
      this.#behind = [];
      this.#missed = false;
      control.down('watch', () => {
        if (this.#consumer !== begun) return;
        this.#heard = begun;
        view.snapshot(entries, last);
      });
    });
  }

  /** The servers are split: one that hears nothing any more starts again. */
  parted(): void {
    if (this.#world.split.parts(this.#consumer, this.#member.control)) this.#again(SILENT);
  }

  /** Some of them are joined again: what was lost shows by a gap, and what its server missed comes late, perhaps only the newest of each key. */
  joined(): void {
    if (this.#missed) return this.start();
    const { time } = this.#world;
    const of = this.#consumer;
    time.after(time.between(0, CATCH_UP), () => {
      if (this.#consumer !== of || this.#world.split.parts(LEADER, of)) return;
      const all = this.#behind.splice(0);
      const newest = new Set(new Map(all.map((entry) => [entry.key, entry])).values());
      // In the order of the log in either case.
      const kept = time.random() < 0.5 ? all : all.filter((entry) => newest.has(entry));
      for (const entry of kept) this.#send(entry);
    });
  }

  #again({ low, high }: { readonly low: number; readonly high: number }): void {
    const { control, time } = this.#member;
    const { split, time: chance } = this.#world;
    const of = this.#consumer;
    const { link } = control;
    time.after(chance.between(low, high), () => {
      const same = this.#consumer === of && control.link === link && control.live;
      if (same && (this.#heard === undefined || this.#missed || split.parts(of, control))) this.start();
    });
  }

  #hear(entry: SeenRecord): void {
    const { crashed, control } = this.#member;
    if (crashed || control.dropped) return;
    if (this.#behind.length > 0 || this.#world.split.parts(LEADER, this.#consumer)) this.#behind.push(entry);
    else this.#send(entry);
  }

  #send(entry: SeenRecord): void {
    const { control, view } = this.#member;
    const of = this.#consumer;
    const lost = (): void => {
      if (this.#consumer === of) this.#missed = true;
    };
    const arrive = (): void =>
      control.down('watch', () => {
        if (this.#heard === of) view.change(entry);
      });
    if (!this.#world.split.carry(of, control, arrive, lost)) lost();
  }
}
