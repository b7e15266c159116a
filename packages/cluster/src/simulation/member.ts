/**
 * Owns one simulated process of a cluster: its time, which can stand still, its two connections, as over NATS one for
 * what is kept and one for what is said, and its doors to both. What the code above it is given is a cluster like any
 * other.
 */
import type { WorkerId } from '@causeway/protocol';
import type { Cluster } from '../cluster.ts';
import { LogLedger } from '../log-ledger.ts';
import type { LeaseTimes } from '../ledger.ts';
import { RecordsView, type SeenRecord } from '../records.ts';
import { WriteConflict, type Expectation, type RecordStore } from '../store.ts';
import { subjects } from '../subjects.ts';
import type { Time } from '../time.ts';
import { SimulatedBus } from './bus.ts';
import { Connection } from './connection.ts';
import { SimulatedSessions } from './sessions.ts';
import { LEADER, type Seat } from './split.ts';
import { Watch } from './watch.ts';
import type { World } from './world.ts';

export const TIMES: LeaseTimes = { ttl: 20_000, heartbeat: 2_000, fence: 14_000 };
/** Milliseconds within which what was written is seen by all, unless something delays it. */
const SPREAD = 300;
/** Milliseconds until a write counts as failed. */
const WRITE_DEADLINE = 2_000;

/** Everything comes out at one place: at the connections of a process that stands still. */
interface Waiting {
  readonly kind: 'timer' | 'message';
  readonly fn: () => void;
}

export class Member implements RecordStore {
  readonly id: WorkerId;
  readonly time: Time;
  readonly control: Connection;
  readonly data: Connection;
  readonly view: RecordsView;
  readonly ledger: LogLedger;
  readonly bus: SimulatedBus;
  readonly sessions: SimulatedSessions;
  crashed = false;
  /** When the right is over that its last acknowledged write gave. */
  fence = 0;
  /** The same as the store knows it; 0: taken away, or never had. */
  leaseUntil = 0;
  readonly #world: World;
  /** How often a connection of it was at a server that was split from the others. */
  apart = 0;
  readonly #watch: Watch;
  #stopped: Waiting[] | undefined;
  #taken = 0;
  /** Its connections to a server that says to know of no other. */
  readonly #alone = new Set<Connection>();

  constructor(world: World, id: WorkerId) {
    this.id = id;
    this.#world = world;
    const { time, log } = world;
    // As in Node no timer is shorter than a millisecond: what a rounding leaves over is over by then.
    this.time = { now: () => time.now(), random: time.random, after: (ms, fn) => time.after(Math.max(1, ms), () => this.act(fn)) };
    this.control = new Connection(time, this.act, { changed: (live) => this.#connected(live) });
    this.data = new Connection(time, this.act, { changed: (live) => this.#busConnected(live) });
    this.view = new RecordsView(this.time, TIMES);
    this.ledger = new LogLedger({
      store: this,
      view: this.view,
      time: this.time,
      times: TIMES,
      spread: SPREAD,
      minority: () => this.#alone.size > 0,
      whenLive: () => Promise.resolve(),
    });
    this.bus = new SimulatedBus(this, world.net);
    this.sessions = new SimulatedSessions(this, world);
    // One that could not reach the stores would not start.
    world.split.seat(this.control, 'leader');
    log.watch((entry) => this.#stands(entry));
    this.#watch = new Watch(this, world);
  }

  /** What a service is given. */
  get cluster(): Cluster {
    const { bus, ledger, sessions } = this;
    return { kind: 'nats', bus, ledger, sessions, subjects: subjects(), [Symbol.asyncDispose]: () => Promise.resolve() };
  }

  get live(): boolean {
    return this.control.live;
  }

  /** What it asks the stores comes to their leader. */
  get reachesStores(): boolean {
    return this.live && !this.control.dropped && !this.#world.split.parts(this.control, LEADER);
  }

  /** Nothing gets through to it, or from it, on one of its ways, which it need not know. */
  get severed(): boolean {
    return this.control.severed || this.data.severed;
  }

  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  put(worker: WorkerId, text: string, ttl: number, expect: Expectation): Promise<number> {
    const sent = this.time.now();
    return this.#send(
      () => this.#world.log.put(worker, text, ttl, expect),
      (sequence) => {
        if (worker !== this.id) return;
        this.fence = Math.max(this.fence, sent + TIMES.fence);
        if (sequence > this.#taken) this.leaseUntil = this.fence;
      },
    );
  }

  purge(worker: WorkerId, expect: { readonly own: number }): Promise<void> {
    return this.#send(() => this.#world.log.purge(worker, expect)).then(() => undefined);
  }

  resync(): void {
    this.#watch.start();
  }

  /** SIGSTOP. */
  stop(): void {
    if (this.#stopped || this.crashed) return;
    const stopped: Waiting[] = [];
    this.#stopped = stopped;
    for (const connection of [this.control, this.data]) connection.ignore(() => this.#stopped === stopped);
  }

  /** SIGCONT: what was due and what has come meanwhile happens now, each in its order, one before the other by chance. */
  go(): void {
    const waiting = this.#stopped;
    if (waiting === undefined) return;
    this.#stopped = undefined;
    const { time } = this.#world;
    const [timers, messages] = (['timer', 'message'] as const).map((kind) => waiting.filter((one) => one.kind === kind));
    const bias = time.pick([0, 0.5, 1]);
    while (timers!.length + messages!.length > 0) {
      const first = messages!.length === 0 || (timers!.length > 0 && time.random() < bias) ? timers! : messages!;
      const { fn, kind } = first.shift()!;
      time.after(0, () => this.act(fn, kind));
    }
    for (const connection of [this.control, this.data]) time.after(0, () => this.act(() => connection.notice(), 'message'));
  }

  /** kill -9. */
  crash(): void {
    this.crashed = true;
    this.#stopped = undefined;
    this.control.close();
    this.data.close();
  }

  partition(): void {
    this.control.sever();
    this.data.sever();
  }

  heal(): void {
    this.control.mend();
    this.data.mend();
  }

  /** The servers are split, or joined again. */
  split(is: boolean): void {
    if (this.crashed) return;
    if (is) this.#watch.parted();
    else this.#watch.joined();
  }

  /** The servers say something else of each other than before. */
  informed(): void {
    if (this.crashed) return;
    for (const connection of [this.control, this.data]) {
      const alone = this.#world.split.isAlone(connection);
      connection.down('servers', () => this.#told(connection, alone));
    }
  }

  /** What sends it the log. */
  get consumer(): Seat {
    return this.#watch.consumer;
  }

  /** Does it now, or when it goes on. */
  readonly act = (fn: () => void, kind: 'timer' | 'message' = 'timer'): void => {
    if (this.crashed) return;
    if (this.#stopped) this.#stopped.push({ kind, fn });
    else fn();
  };

  #told(connection: Connection, alone: boolean): void {
    if (alone) this.#alone.add(connection);
    else this.#alone.delete(connection);
  }

  #busConnected(live: boolean): void {
    if (live) this.#told(this.data, this.#world.split.isAlone(this.data));
    this.bus.changed();
  }

  #connected(live: boolean): void {
    this.#watch.cut();
    this.view.cut();
    if (!live) return;
    this.#told(this.control, this.#world.split.isAlone(this.control));
    this.resync();
    this.ledger.renew();
  }

  /** What the store knows, whether or not it is heard. */
  #stands({ key, gone, sequence }: SeenRecord): void {
    if (key !== this.id || (gone !== 'taken' && gone !== 'expired')) return;
    this.#taken = sequence;
    this.leaseUntil = 0;
  }

  #send<T>(write: () => T, acknowledged: (value: T) => void = () => undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const lost = (): boolean => this.#world.time.random() < this.#world.loss;
    const late = this.time.after(WRITE_DEADLINE, () => reject(new Error('no answer in time')));
    const answer = (fn: () => void): void => {
      if (lost()) return;
      this.control.down('', () => {
        late();
        fn();
      });
    };
    if (lost()) return promise;
    const serve = (): void => {
      try {
        const value = write();
        answer(() => {
          acknowledged(value);
          resolve(value);
        });
      } catch (error) {
        if (!(error instanceof WriteConflict)) throw error;
        answer(() => reject(error));
      }
    };
    const refuse = (): void => answer(() => reject(new Error('nobody leads')));
    this.control.up('', () => this.#world.ask(this.control, serve, refuse));
    return promise;
  }
}
