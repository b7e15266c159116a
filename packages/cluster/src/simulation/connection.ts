/**
 * Owns one connection of a simulated process to the servers, as a network treats it: everything takes its time and
 * keeps its order in its lane; while nothing gets through it waits and arrives late, as over TCP, unless the
 * connection fails meanwhile; each side finds out for itself.
 */
import type { VirtualTime } from './time.ts';

/** Milliseconds until a side of a connection that carries nothing gives it up. */
const NOTICED = { low: 10_000, high: 15_000 } as const;
/** Milliseconds of a way, and until a client has connected again. */
const WAY = 20;
const RECONNECT = { low: 20, high: 500 } as const;

export interface ConnectionEvents {
  /** The process knows that it is lost, or that it is back. */
  changed(live: boolean): void;
}

/** Does it now, or when the process that stands still goes on. */
export type Act = (fn: () => void, kind: 'timer' | 'message') => void;

export class Connection {
  /** The process takes it for good. */
  live = true;
  /** The servers have closed it: nobody is found there. */
  dropped = false;
  /** The process gave it up last time because it heard nothing. */
  silent = false;
  readonly #time: VirtualTime;
  readonly #act: Act;
  readonly #events: ConnectionEvents;
  readonly #lanes = new Map<string, number>();
  /** Nothing gets through. */
  #severed = false;
  /** Counts connections, and the times that they were cut. */
  #link = 0;
  #cuts = 0;
  #late: (() => void)[] = [];

  constructor(time: VirtualTime, act: Act, events: ConnectionEvents) {
    this.#time = time;
    this.#act = act;
    this.#events = events;
  }

  /** Changes when it is lost, and when it is back. */
  get link(): number {
    return this.#link;
  }

  /** Nothing gets through now. */
  get severed(): boolean {
    return this.#severed;
  }

  /** Something for the servers, behind what is under way in its lane. */
  up(lane: string, fn: () => void): void {
    if (!this.dropped) this.#travel(`up ${lane}`, fn);
  }

  /** Something for the process. */
  down(lane: string, fn: () => void): void {
    this.#travel(`down ${lane}`, () => this.#act(fn, 'message'));
  }

  /** Nothing gets through from now on; both sides find out in time. */
  sever(): void {
    if (this.#severed) return;
    this.#severed = true;
    const cut = (this.#cuts += 1);
    const still = (): boolean => this.#severed && cut === this.#cuts;
    this.#time.after(this.#time.between(NOTICED.low, NOTICED.high), () => still() && this.#drop());
    this.#time.after(this.#time.between(NOTICED.low, NOTICED.high), () => this.#act(() => still() && this.#lose(true), 'timer'));
  }

  mend(): void {
    if (!this.#severed) return;
    this.#severed = false;
    const late = this.#late.splice(0);
    if (this.live && !this.dropped) for (const arrive of late) this.#time.after(0, () => this.#arrive(arrive));
    else this.#act(() => this.#reconnect(), 'message');
  }

  /** The server is gone, and both sides know it at once; another is found after `ms`. */
  reset(ms: number): void {
    if (this.#severed) return;
    this.#severed = true;
    const cut = (this.#cuts += 1);
    this.#drop();
    this.#act(() => this.#lose(), 'message');
    this.#time.after(ms, () => cut === this.#cuts && this.mend());
  }

  /** The process stands still, and answers no ping: the servers let it go in time. */
  ignore(still: () => boolean): void {
    this.#time.after(this.#time.between(NOTICED.low, NOTICED.high), () => still() && this.#drop());
  }

  /** The process has read what there was; it hears now that it was let go. */
  notice(): void {
    if (this.dropped && !this.#severed) this.#reconnect();
  }

  /** The process is gone. What it had sent may still arrive. */
  close(): void {
    if (this.#time.random() < 0.5) this.#link += 1;
    this.#drop();
  }

  #drop(): void {
    this.dropped = true;
  }

  #lose(silent = false): void {
    if (!this.live) return;
    this.silent = silent;
    this.live = false;
    this.#link += 1;
    this.#late = [];
    this.#events.changed(false);
  }

  #reconnect(): void {
    this.#lose();
    const cut = this.#cuts;
    this.#time.after(this.#time.between(RECONNECT.low, RECONNECT.high), () => {
      this.#act(() => {
        if (this.#severed || this.live || cut !== this.#cuts) return;
        this.#link += 1;
        this.dropped = false;
        this.live = true;
        this.#events.changed(true);
      }, 'message');
    });
  }

  #travel(lane: string, arrive: () => void): void {
    const link = this.#link;
    const at = Math.max(this.#lanes.get(lane) ?? 0, this.#time.now() + this.#time.between(0, WAY));
    this.#lanes.set(lane, at);
    this.#time.at(at, () =>
      this.#arrive(() => {
        if (link === this.#link) arrive();
      }),
    );
  }

  #arrive(arrive: () => void): void {
    if (this.#severed) this.#late.push(arrive);
    else arrive();
  }
}
