/**
 * Owns what this edge waits for: each exchange is one stream of answers from one worker, under an address
 * of this edge's standing subscription.
 *
 * Invariants: an exchange ends once, by its owner, its deadline, or the loss of the worker; what arrives
 * for an exchange that has ended is dropped, and its sender told where it asks to be; a worker that the bus does not
 * find any more fails all that wait for it. A stream that is followed is passed on without a gap and without a
 * double: what a moment without the bus swallowed is asked for again.
 */
import { decode, encode, offer, PING, tail, type Cluster, type ControlHead, type DownHead, type Subscription } from '@causeway/cluster';
import type { EdgeId, WorkerId } from '@causeway/protocol';
import type { Clock, Log, Wheel } from '@causeway/runtime';
import { CALLING, LISTENING, mayBeNew, type Entry, type Exchange, type Listener } from './exchange.ts';
import { OwnerWatch } from './owner-watch.ts';
import { Words } from './words.ts';

/** Milliseconds after which an owner that could not be asked for the rest of a stream is asked again. */
const AGAIN = 500;

export interface ExchangesDeps {
  readonly cluster: Cluster;
  readonly edge: EdgeId;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly log: Log;
}

export class Exchanges implements Disposable {
  /** The workers that are waited for. */
  readonly owners: OwnerWatch;
  /** What needs no answer is told here. */
  readonly words: Words;
  readonly #cluster: Cluster;
  readonly #edge: EdgeId;
  readonly #wheel: Wheel;
  readonly #log: Log;
  readonly #waiting = new Map<string, Entry>();
  /** Called whenever an exchange with a deadline is over. */
  readonly #settled = new Set<() => void>();
  readonly #stops: readonly (() => void)[];
  readonly #clock: Clock;
  #reconnected = -Infinity;
  #subscription: Subscription | undefined;
  #next = 0;

  constructor({ cluster, edge, clock, wheel, log }: ExchangesDeps) {
    this.#cluster = cluster;
    this.words = new Words(cluster.bus, () => clock.monotonic());
    const watch = {
      cluster,
      wheel,
      now: () => clock.monotonic(),
      lost: (name: string) => this.#lose(name, 'owner'),
      lossy: (worker: WorkerId) => this.#askAgain(this.owners.names(worker)),
    };
    this.owners = new OwnerWatch(watch);
    this.#edge = edge;
    this.#clock = clock;
    this.#wheel = wheel;
    this.#log = log;
    this.#stops = [
      cluster.ledger.onChange(() => this.owners.keep(cluster.ledger.workers())),
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

  /** The moment at which the bus came back last, in the clock's monotonic milliseconds. */
  get reconnected(): number {
    return this.#reconnected;
  }

  /** Begins to wait; without `deadline` (milliseconds) for as long as the worker lives. */
  begin(listener: Listener, deadline: number | undefined): Exchange {
    const name = `${this.#edge}${deadline === undefined ? LISTENING : CALLING}${(this.#next++).toString(36)}`;
    const call = deadline !== undefined;
    const none = { owner: undefined, position: undefined, again: undefined };
    const entry: Entry = { ...none, listener, call, spoken: false, repeated: false, cancelAgain: () => undefined };
    this.#waiting.set(name, entry);
    const cancel = deadline === undefined ? undefined : this.#wheel.after(deadline, () => this.#lose(name, 'deadline'));
    const to = this.#cluster.subjects.stream(this.#edge, name);
    return {
      name,
      to,
      get heard() {
        return entry.position?.seq ?? 0;
      },
      unbind: () => {
        this.#bind(name, entry, undefined);
        entry.cancelAgain();
        entry.again = undefined;
        entry.position = undefined;
      },
      send: (worker, subject, head, body) => {
        this.#bind(name, entry, worker);
        if (this.#cluster.bus.status === 'connected' && this.owners.presence(worker) === 'gone')
          return queueMicrotask(() => this.#waiting.get(name) === entry && this.#undelivered(name, entry));
        this.#cluster.bus.publish(subject, body ? encode(head, body) : encode(head), to);
      },
      repeat: (again) => {
        entry.again = again;
      },
      follow: (stream) => {
        this.#bind(name, entry, stream.owner);
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
    this.owners[Symbol.dispose]();
    this.#subscription?.unsubscribe();
    for (const name of [...this.#waiting.keys()]) this.#lose(name, 'owner');
  }

  #receive(name: string, entry: Entry, head: DownHead, body: Buffer): void {
    const { position } = entry;
    if (position?.asking && (head.t === 'ok' || head.t === 'no')) {
      position.asking = false;
      if (head.t === 'no' && !mayBeNew(entry, head)) return this.#lose(name, 'owner');
      if (entry.spoken) return;
    }
    if (entry.repeated && head.t === 'no') return this.#lose(name, 'owner');
    entry.spoken = true;
    if (position && head.t === 'server') {
      if (head.seq <= position.seq) return;
      if (head.seq > position.seq + 1) return this.#ask(name, entry);
      position.seq = head.seq;
    }
    entry.listener.receive(head, body);
  }

  #undelivered(name: string, entry: Entry): void {
    const { position, repeated } = entry;
    if (!position?.asking && !repeated) return entry.listener.undelivered();
    // The owner may be about to find its way back to the bus; whether it does is found out for all that waits for it.
    entry.cancelAgain();
    entry.cancelAgain = this.#wheel.after(AGAIN, () => this.#askAgain([name]));
  }

  /** Asks the owner for what follows the last frame that was passed on. */
  #ask(name: string, { position }: Entry): void {
    if (!position || position.asking) return;
    const { control, identity, stream } = position.stream;
    const fresh = position.stream.after === undefined && position.seq === 0;
    const head: ControlHead = { t: 'attach', identity, stream, ...(fresh ? {} : { after: position.seq }) };
    const { bus, subjects } = this.#cluster;
    position.asking = offer(() => bus.publish(control, encode(head), subjects.stream(this.#edge, name)));
  }

  /** The bus is back: what was sent meanwhile reached nobody here. */
  #takeUp(): void {
    this.#reconnected = this.#clock.monotonic();
    this.words.resume();
    this.#askAgain(this.#waiting.keys());
  }

  /** What was asked before a connection was lost may have been lost with it. */
  #askAgain(names: Iterable<string>): void {
    for (const name of names) {
      const entry = this.#waiting.get(name)!;
      if (entry.position) entry.position.asking = false;
      this.#ask(name, entry);
      this.#repeat(entry);
    }
  }

  #repeat(entry: Entry): void {
    if (entry.spoken || entry.again === undefined) return;
    entry.repeated = true;
    offer(entry.again);
  }

  #bind(name: string, entry: Entry, owner: WorkerId | undefined): void {
    if (entry.owner === owner || this.#waiting.get(name) !== entry) return;
    if (entry.owner !== undefined) this.owners.release(entry.owner, name);
    entry.owner = owner;
    if (owner !== undefined) this.owners.hold(owner, name);
  }

  /** Whoever sent this believes that somebody here still listens. */
  #disown(reply: string | undefined): void {
    if (reply !== undefined) offer(() => this.#cluster.bus.publish(reply, encode({ t: 'end', why: 'complete' })));
  }

  #lose(name: string, why: 'deadline' | 'owner'): void {
    this.#remove(name)?.listener.lost(why);
  }

  #remove(name: string): Entry | undefined {
    const entry = this.#waiting.get(name);
    if (entry?.owner !== undefined) this.owners.release(entry.owner, name);
    entry?.cancelAgain();
    this.#waiting.delete(name);
    if (entry?.call) for (const settled of this.#settled) settled();
    return entry;
  }
}
