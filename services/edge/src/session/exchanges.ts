/**
 * Owns what this edge waits for: each exchange is one stream of answers from one worker, under an address
 * of this edge's standing subscription.
 *
 * Invariants: an exchange ends once, by its owner, its deadline, or the loss of the worker; what arrives
 * for an exchange that has ended is dropped, and its sender told where it asks to be; a worker's record that disappears fails all that wait for it.
 */
import { BusError, decode, encode, tail, type Cluster, type DownHead, type Subscription, type UpHead } from '@causeway/cluster';
import type { EdgeId, WorkerId } from '@causeway/protocol';
import type { Log, Wheel } from '@causeway/runtime';

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
  /** Sends a message that names this exchange as its reply address. Throws BusError. */
  send(worker: WorkerId, subject: string, head: UpHead, body?: Buffer): void;
  /** Nothing is expected any more; idempotent. */
  end(): void;
}

interface Entry {
  readonly listener: Listener;
  /** Somebody waits for an answer, not for whatever may come. */
  readonly call: boolean;
  owner: WorkerId | undefined;
}

export class Exchanges implements Disposable {
  readonly #cluster: Cluster;
  readonly #edge: EdgeId;
  readonly #wheel: Wheel;
  readonly #log: Log;
  readonly #waiting = new Map<string, Entry>();
  /** Called whenever an exchange with a deadline is over. */
  readonly #settled = new Set<() => void>();
  readonly #stopWatching: () => void;
  #subscription: Subscription | undefined;
  #next = 0;

  constructor(cluster: Cluster, edge: EdgeId, wheel: Wheel, log: Log) {
    this.#cluster = cluster;
    this.#edge = edge;
    this.#wheel = wheel;
    this.#log = log;
    this.#stopWatching = cluster.ledger.onChange(() => this.#failOrphans());
  }

  async open(): Promise<void> {
    const all = this.#cluster.subjects.stream(this.#edge, '*');
    this.#subscription = await this.#cluster.bus.subscribe(all, (message) => {
      const entry = this.#waiting.get(tail(message.subject, all)[0] ?? '');
      if (!entry) return this.#disown(message.reply);
      try {
        if (message.kind === 'undelivered') return entry.listener.undelivered();
        const envelope = decode<DownHead>(message.data);
        if (envelope) entry.listener.receive(envelope.head, envelope.body);
        else this.#log.warn({ reason: 'request.malformed' }, 'message without an envelope dropped');
      } catch (error) {
        this.#log.error({ err: error }, 'answer of a worker not handled');
      }
    });
  }

  /** Exchanges that are not over. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Begins to wait; without `deadline` (milliseconds) for as long as the worker lives. */
  begin(listener: Listener, deadline: number | undefined): Exchange {
    const name = `${this.#edge}${(this.#next++).toString(36)}`;
    const entry: Entry = { listener, call: deadline !== undefined, owner: undefined };
    this.#waiting.set(name, entry);
    const cancel = deadline === undefined ? undefined : this.#wheel.after(deadline, () => this.#lose(name, 'deadline'));
    const to = this.#cluster.subjects.stream(this.#edge, name);
    return {
      name,
      to,
      send: (worker, subject, head, body) => {
        entry.owner = worker;
        this.#cluster.bus.publish(subject, body ? encode(head, body) : encode(head), to);
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
    this.#stopWatching();
    this.#subscription?.unsubscribe();
    for (const name of [...this.#waiting.keys()]) this.#lose(name, 'owner');
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
    this.#waiting.delete(name);
    if (entry?.call) for (const settled of this.#settled) settled();
    return entry;
  }

  #failOrphans(): void {
    const workers = this.#cluster.ledger.workers();
    for (const [name, { owner }] of [...this.#waiting]) if (owner !== undefined && !workers.has(owner)) this.#lose(name, 'owner');
  }
}
