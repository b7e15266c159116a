/**
 * Owns what this edge waits for: each exchange is one stream of answers from one worker, under an address
 * of this edge's standing subscription.
 *
 * Invariants: an exchange ends once, by its owner, its deadline, or the loss of the worker; what arrives
 * for an exchange that has ended is dropped, and its sender told where it asks to be; a worker's record that
 * disappears fails all that wait for it. A stream that is followed is passed on without a gap and without a
 * double: what a moment without the bus swallowed is asked for again.
 */
import {
  BusError,
  decode,
  encode,
  PING,
  tail,
  type Cluster,
  type ControlHead,
  type DownHead,
  type Place,
  type Subscription,
  type UpHead,
} from '@causeway/cluster';
import type { EdgeId, Identity, SessionToken, WorkerId } from '@causeway/protocol';
import { systemClock, type Log, type Wheel } from '@causeway/runtime';
import { OwnerWatch } from './owner-watch.ts';

export interface Listener {
  /** Something from the worker. */
  receive(head: DownHead, body: Buffer): void;
  /** The last message sent reached nobody. */
  undelivered(): void;
  /** The deadline passed, or the worker is gone; the exchange is over. */
  lost(why: 'deadline' | 'owner'): void;
}

export interface Exchange {
  /** Name of the stream; unique in the cluster, safe in subjects and event ids. */
  readonly name: string;
  /** Address of the answers. */
  readonly to: string;
  /** The worker that was sent to is not to be waited for any more: another will be. */
  unbind(): void;
  /** Sends a message that names this exchange as its reply address. Throws BusError. */
  send(worker: WorkerId, subject: string, head: UpHead, body?: Buffer): void;
  /** The stream that it receives, from the frame after `after` on: from here it survives a moment without the bus. */
  follow(stream: Followed): void;
  /** Nothing is expected any more; idempotent. */
  end(): void;
}

/** A stream of a session and how far it was received. */
export interface Followed {
  readonly place: Place;
  readonly token: SessionToken;
  readonly identity: Identity;
  readonly stream: string;
  /** `undefined`: all of it, and it may have to be begun. */
  readonly after: number | undefined;
}

interface Position {
  readonly stream: Followed;
  /** The last frame that was passed on. */
  seq: number;
  /** The rest was asked for, and the worker has not said yes or no. */
  asking: boolean;
}

const MAX_LATE = 10_000; // words to workers that wait for the bus

interface Entry {
  readonly listener: Listener;
  /** Somebody waits for an answer, not for whatever may come. */
  readonly call: boolean;
  owner: WorkerId | undefined;
  /** The worker has said something that was passed on. */
  spoken: boolean;
  position: Position | undefined;
}

/** Whether a stream's name was given by an edge to one that is listened to, not to a call. */
export const isListening = (stream: string): boolean => stream[12] === LISTENING;
const LISTENING = '-';
const CALLING = '_';

export class Exchanges implements Disposable {
  readonly #cluster: Cluster;
  readonly #edge: EdgeId;
  readonly #wheel: Wheel;
  readonly #log: Log;
  readonly #waiting = new Map<string, Entry>();
  /** What waits for each worker. */
  readonly #byOwner = new Map<WorkerId, Set<string>>();
  readonly #owners: OwnerWatch;
  /** Called whenever an exchange with a deadline is over. */
  readonly #settled = new Set<() => void>();
  readonly #stops: readonly (() => void)[];
  #late: { readonly subject: string; readonly head: ControlHead }[] = [];
  #subscription: Subscription | undefined;
  #next = 0;

  constructor(cluster: Cluster, edge: EdgeId, wheel: Wheel, log: Log) {
    this.#cluster = cluster;
    this.#owners = new OwnerWatch({
      cluster,
      wheel,
      now: () => systemClock.monotonic(),
      lost: (worker) => this.#loseAll(worker),
      lossy: (worker) => this.#askAll(this.#byOwner.get(worker) ?? []),
    });
    this.#edge = edge;
    this.#wheel = wheel;
    this.#log = log;
    this.#stops = [
      cluster.ledger.onChange(() => this.#failOrphans()),
      cluster.bus.onStatus((status) => status === 'connected' && this.#takeUp()),
    ];
  }

  async open(): Promise<void> {
    const all = this.#cluster.subjects.stream(this.#edge, '*');
    this.#subscription = await this.#cluster.bus.subscribe(all, (message) => {
      const name = tail(message.subject, all)[0] ?? '';
      const entry = this.#waiting.get(name);
      if (!entry) return name === PING ? undefined : this.#disown(message.reply);
      try {
        if (message.kind === 'undelivered') return this.#undelivered(name, entry);
        const envelope = decode<DownHead>(message.data);
        if (envelope) this.#receive(name, entry, envelope.head, envelope.body);
        else this.#log.warn({ reason: 'request.malformed' }, 'message without an envelope dropped');
      } catch (error) {
        this.#log.error({ err: error }, 'answer of a worker not handled');
      }
    });
  }

  /** Begins to wait; without `deadline` (milliseconds) for as long as the worker lives. */
  begin(listener: Listener, deadline: number | undefined): Exchange {
    const name = `${this.#edge}${deadline === undefined ? LISTENING : CALLING}${(this.#next++).toString(36)}`;
    const entry: Entry = { listener, call: deadline !== undefined, owner: undefined, spoken: false, position: undefined };
    this.#waiting.set(name, entry);
    const cancel = deadline === undefined ? undefined : this.#wheel.after(deadline, () => this.#lose(name, 'deadline'));
    const to = this.#cluster.subjects.stream(this.#edge, name);
    return {
      name,
      to,
      unbind: () => this.#bind(name, entry, undefined),
      send: (worker, subject, head, body) => {
        this.#bind(name, entry, worker);
        this.#cluster.bus.publish(subject, body ? encode(head, body) : encode(head), to);
      },
      follow: (stream) => {
        this.#bind(name, entry, stream.place.owner);
        entry.position = { stream, seq: stream.after ?? 0, asking: false };
      },
      end: () => {
        cancel?.();
        this.#remove(name);
      },
    };
  }

  /** Resolves once nobody here waits for an answer; streams that wait for whatever may come do not count. */
  async answered(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (signal.aborted || ![...this.#waiting.values()].some(({ call }) => call)) resolve();
    };
    this.#settled.add(check);
    signal.addEventListener('abort', check, { once: true });
    check();
    await promise;
    this.#settled.delete(check);
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop();
    this.#owners[Symbol.dispose]();
    this.#subscription?.unsubscribe();
    for (const name of [...this.#waiting.keys()]) this.#lose(name, 'owner');
  }

  /** Tells a worker something that needs no answer; without a bus it is told when that is back. */
  tell(subject: string, head: ControlHead): void {
    try {
      this.#cluster.bus.publish(subject, encode(head));
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      if (head.t === 'detach' && this.#late.length < MAX_LATE) this.#late.push({ subject, head });
    }
  }

  #receive(name: string, entry: Entry, head: DownHead, body: Buffer): void {
    const { position } = entry;
    if (position?.asking && (head.t === 'ok' || head.t === 'no')) {
      position.asking = false;
      if (entry.spoken) return head.t === 'no' ? this.#lose(name, 'owner') : undefined;
    }
    entry.spoken = true;
    if (position && head.t === 'server') {
      if (head.seq <= position.seq) return;
      if (head.seq > position.seq + 1) return this.#ask(name, entry);
      position.seq = head.seq;
    }
    entry.listener.receive(head, body);
  }

  #undelivered(name: string, entry: Entry): void {
    if (entry.position?.asking) this.#lose(name, 'owner');
    else entry.listener.undelivered();
  }

  /** Asks the owner for what follows the last frame that was passed on. */
  #ask(name: string, { position }: Entry): void {
    if (!position || position.asking) return;
    const { place, token, identity, stream } = position.stream;
    const fresh = position.stream.after === undefined && position.seq === 0;
    const head: ControlHead = { t: 'attach', identity, stream, ...(fresh ? {} : { after: position.seq }) };
    try {
      this.#cluster.bus.publish(
        this.#cluster.subjects.sessionControl(place.owner, { token, epoch: place.epoch }),
        encode(head),
        this.#cluster.subjects.stream(this.#edge, name),
      );
      position.asking = true;
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
    }
  }

  /** The bus is back: what was sent meanwhile reached nobody here. */
  #takeUp(): void {
    const late = this.#late;
    this.#late = [];
    for (const { subject, head } of late) this.tell(subject, head);
    for (const { position } of this.#waiting.values()) if (position) position.asking = false;
    this.#askAll(this.#waiting.keys());
  }

  #askAll(names: Iterable<string>): void {
    for (const name of names) this.#ask(name, this.#waiting.get(name)!);
  }

  #bind(name: string, entry: Entry, owner: WorkerId | undefined): void {
    if (entry.owner === owner || this.#waiting.get(name) !== entry) return;
    this.#unbind(name, entry);
    entry.owner = owner;
    if (owner === undefined) return;
    const names = this.#byOwner.get(owner) ?? new Set();
    this.#byOwner.set(owner, names.add(name));
    this.#owners.hold(owner);
  }

  #unbind(name: string, { owner }: Entry): void {
    const names = owner === undefined ? undefined : this.#byOwner.get(owner);
    if (owner === undefined || !names?.delete(name) || names.size > 0) return;
    this.#byOwner.delete(owner);
    this.#owners.release(owner);
  }

  /** Whoever sent this believes that somebody here still listens. */
  #disown(reply: string | undefined): void {
    if (reply === undefined) return;
    try {
      this.#cluster.bus.publish(reply, encode({ t: 'end', why: 'complete' }));
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
    }
  }

  #lose(name: string, why: 'deadline' | 'owner'): void {
    this.#remove(name)?.listener.lost(why);
  }

  #remove(name: string): Entry | undefined {
    const entry = this.#waiting.get(name);
    if (entry) this.#unbind(name, entry);
    this.#waiting.delete(name);
    if (entry?.call) for (const settled of this.#settled) settled();
    return entry;
  }

  #failOrphans(): void {
    const workers = this.#cluster.ledger.workers();
    for (const owner of [...this.#byOwner.keys()]) if (!workers.has(owner)) this.#loseAll(owner);
  }

  #loseAll(owner: WorkerId): void {
    for (const name of [...(this.#byOwner.get(owner) ?? [])]) this.#lose(name, 'owner');
  }
}
