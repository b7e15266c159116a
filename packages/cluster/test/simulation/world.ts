/**
 * Owns a simulated world for ledgers: virtual time, one log, and members whose way to it delays, loses, is cut, and
 * who stand still or die. Everything that happens follows from the seed.
 */
import { newWorkerId, type WorkerId } from '@causeway/protocol';
import { LogLedger } from '../../src/log-ledger.ts';
import type { LeaseTimes } from '../../src/ledger.ts';
import { RecordLog } from '../../src/memory/record-log.ts';
import { RecordsView, type SeenRecord } from '../../src/records.ts';
import { WriteConflict, type Expectation, type RecordStore } from '../../src/store.ts';
import type { Time } from '../../src/time.ts';

export const TIMES: LeaseTimes = { ttl: 20_000, heartbeat: 2_000, fence: 14_000 };
/** Milliseconds until a write counts as failed. */
const WRITE_DEADLINE = 2_000;

/** A small generator: the same numbers for the same seed everywhere. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Due {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
  over: boolean;
}

/** Virtual time: what is due happens in its order, and everything that follows at once before the next. */
export class VirtualTime implements Time {
  readonly random: () => number;
  #now = 0;
  #order = 0;
  #queue: Due[] = [];

  constructor(seed: number) {
    this.random = chance(seed);
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    if (ms === Infinity) return () => undefined;
    const due: Due = { at: this.#now + Math.max(0, ms), order: this.#order++, fn, over: false };
    let at = this.#queue.length;
    while (at > 0 && (this.#queue[at - 1]!.at > due.at || (this.#queue[at - 1]!.at === due.at && this.#queue[at - 1]!.order > due.order)))
      at -= 1;
    this.#queue.splice(at, 0, due);
    return () => void (due.over = true);
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  /** Lets everything happen that is due within `ms`; `look` is called after each of them. */
  async run(ms: number, look: () => void): Promise<void> {
    const end = this.#now + ms;
    while (this.#queue[0] !== undefined && this.#queue[0].at <= end) {
      const due = this.#queue.shift()!;
      if (due.over) continue;
      this.#now = due.at;
      due.fn();
      for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
      look();
    }
    this.#now = end;
  }
}

/** One process: its time can stand still, its way to the log can be cut. */
export class Member implements RecordStore {
  readonly id: WorkerId = newWorkerId();
  readonly ledger: LogLedger;
  readonly view: RecordsView;
  readonly #world: World;
  /** Nothing it sends arrives, and it hears nothing; `noticed`: it knows. */
  cut: 'no' | 'unnoticed' | 'noticed' = 'no';
  cutSince = 0;
  crashed = false;
  #stopped: (() => void)[] | undefined;
  #inbound: Promise<void> = Promise.resolve();
  /** Something was not heard: nothing counts until everything was looked at again. */
  #gap = false;
  #looked = 0;

  constructor(world: World) {
    this.#world = world;
    const { time, log } = world;
    const own: Time = { now: () => time.now(), random: time.random, after: (ms, fn) => time.after(ms, () => this.act(fn)) };
    this.view = new RecordsView(own, TIMES);
    this.ledger = new LogLedger({ store: this, view: this.view, time: own, times: TIMES, whenLive: () => Promise.resolve() });
    log.watch((entry) => this.#hear(entry));
    this.view.snapshot(log.entries, log.last);
  }

  get live(): boolean {
    return this.cut !== 'noticed';
  }

  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  put(worker: WorkerId, text: string, ttl: number, expect: Expectation): Promise<number> {
    return this.#send(() => this.#world.log.put(worker, text, ttl, expect));
  }

  purge(worker: WorkerId, expect: { readonly own: number }): Promise<void> {
    return this.#send(() => this.#world.log.purge(worker, expect)).then(() => undefined);
  }

  resync(): void {
    const { time, log } = this.#world;
    time.after(time.between(1, 50), () => {
      if (this.cut !== 'no') return;
      const { entries, last } = log;
      this.#gap = false;
      this.#looked = last;
      this.act(() => this.view.snapshot(entries, last));
    });
  }

  /** SIGSTOP; what was due meanwhile happens at once when it goes on. */
  stop(): void {
    this.#stopped ??= [];
  }

  go(): void {
    const waiting = this.#stopped ?? [];
    this.#stopped = undefined;
    for (const act of waiting) act();
  }

  crash(): void {
    this.crashed = true;
    this.#stopped = undefined;
  }

  partition(noticedAfter: number): void {
    if (this.cut !== 'no') return;
    this.cut = 'unnoticed';
    this.cutSince = this.#world.time.now();
    this.#world.time.after(noticedAfter, () => {
      if (this.cut !== 'unnoticed') return;
      this.cut = 'noticed';
      this.act(() => this.view.cut());
    });
  }

  heal(): void {
    if (this.cut === 'no') return;
    this.cut = 'no';
    this.act(() => {
      this.view.cut();
      this.resync();
      this.ledger.renew();
    });
  }

  /** Does it now, or when it goes on. */
  act(fn: () => void): void {
    if (this.crashed) return;
    if (this.#stopped) this.#stopped.push(fn);
    else fn();
  }

  /** Messages of the watch arrive in order, each some time later. */
  #hear(entry: SeenRecord): void {
    const { time } = this.#world;
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#inbound;
    this.#inbound = promise;
    time.after(
      time.between(0, 20),
      () =>
        void before.then(() => {
          if (this.cut !== 'no') this.#gap = true;
          else if (!this.#gap && entry.sequence > this.#looked) this.act(() => this.view.change(entry));
          resolve();
        }),
    );
  }

  #send<T>(write: () => T): Promise<T> {
    const { time, leaderless } = this.#world;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const late = time.after(WRITE_DEADLINE, () => this.act(() => reject(new Error('no answer in time'))));
    const lost = (): boolean => this.cut !== 'no' || time.random() < this.#world.loss;
    if (leaderless()) {
      time.after(time.between(1, 20), () => this.act(() => reject(new Error('nobody leads'))));
      late();
      return promise;
    }
    if (lost()) return promise;
    time.after(time.between(0, 20), () => {
      let answer: () => void;
      try {
        const value = write();
        answer = () => resolve(value);
      } catch (error) {
        if (!(error instanceof WriteConflict)) throw error;
        answer = () => reject(error);
      }
      if (lost()) return;
      time.after(time.between(0, 20), () => {
        late();
        this.act(answer);
      });
    });
    return promise;
  }
}

export class World {
  readonly time: VirtualTime;
  readonly log: RecordLog;
  readonly members: Member[] = [];
  /** Share of the messages to and from the log that are lost. */
  loss = 0;
  #leaderlessUntil = 0;

  constructor(seed: number) {
    this.time = new VirtualTime(seed);
    this.log = new RecordLog(this.time);
  }

  join(): Member {
    const member = new Member(this);
    this.members.push(member);
    return member;
  }

  /** No write is taken for `ms`. */
  elect(ms: number): void {
    this.#leaderlessUntil = this.time.now() + ms;
  }

  readonly leaderless = (): boolean => this.time.now() < this.#leaderlessUntil;
}
