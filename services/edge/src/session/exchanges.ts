/**
 * Owns what this edge waits for: each exchange is one stream of answers from one worker, under an address
 * of this edge's standing subscription.
 *
 * Invariants: an exchange ends once, by its owner, its deadline, or the loss of the worker or of this edge; what arrives
 * for an exchange that has ended is dropped, and its sender told where it asks to be; a worker that the bus does not
 * find any more fails all that wait for it. A stream that is followed is passed on without a gap and without a
 * double: what a moment without the bus swallowed is asked for again.
 */
import {
  Envelope,
  envelopeOf,
  offer,
  PING,
  verdictOf,
  type Cluster,
  type ControlHead,
  type DownHead,
  type Subscription,
  type UpHead,
} from '@causeway/cluster';
import { CausewayError, type EdgeId, type WorkerId } from '@causeway/protocol';
import { Register, type Clock, type Log, type Wheel } from '@causeway/runtime';
import { CALLING, LISTENING, mayBeNew, RunningExchange, type Exchange, type ExchangePorts, type Listener, type Loss } from './exchange.ts';
import { OwnerWatch } from './owner-watch.ts';
import { Words } from './words.ts';

/** Milliseconds after which a worker that could not be asked is asked again. */
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
  readonly #waiting = new Register<string, RunningExchange>();
  /** Called whenever an exchange with a deadline is over. */
  readonly #settled = new Set<() => void>();
  readonly #stops: readonly (() => void)[];
  readonly #ports: ExchangePorts = {
    bind: (exchange, owner) => this.#bind(exchange, owner),
    later: (exchange, fn) => this.#later(exchange, fn),
    publish: (exchange, worker, subject, head, body) => this.#publish(exchange, worker, subject, head, body),
    remove: ({ name }) => void this.#remove(name),
  };
  #subscription: Subscription | undefined;
  #next = 0;
  /** How many of them somebody waits for an answer of. */
  #calls = 0;

  constructor({ cluster, edge, clock, wheel, log }: ExchangesDeps) {
    this.#cluster = cluster;
    this.words = new Words(cluster.bus, () => clock.monotonic());
    const watch = {
      cluster,
      wheel,
      now: () => clock.monotonic(),
      missing: (name: string) => this.#waiting.get(name)?.listener.missing?.(),
      lost: (name: string) => this.#lose(name, 'owner'),
      lossy: (worker: WorkerId) => this.#askAgain(this.owners.names(worker)),
    };
    this.owners = new OwnerWatch(watch);
    this.#edge = edge;
    this.#wheel = wheel;
    this.#log = log;
    this.#stops = [
      cluster.ledger.onChange(() => this.owners.keep(cluster.ledger.workers())),
      cluster.bus.onStatus((status) => status === 'connected' && this.#takeUp()),
    ];
  }

  async open(): Promise<void> {
    const { subjects, bus } = this.#cluster;
    const streams = subjects.stream(this.#edge, '');
    this.#subscription = await bus.subscribe(subjects.edgeAll(this.#edge), (message) => {
      if (!message.subject.startsWith(streams)) return;
      const name = message.subject.slice(streams.length);
      const exchange = this.#waiting.get(name);
      if (!exchange) return name === PING ? undefined : this.#disown(message.reply);
      try {
        if (message.kind === 'undelivered') return this.#undelivered(exchange);
        if (message.kind === 'too_large') return this.#tooLarge(exchange);
        // Its worker keeps it, and believes that nobody is here.
        if (message.kind === 'crowded') return this.#later(exchange, () => this.#askAgain([name]));
        const envelope = envelopeOf<DownHead>(message);
        if (envelope) this.#receive(exchange, envelope.head, envelope.body);
        else this.#log.warn({ reason: 'request.malformed' }, 'message without an envelope dropped');
      } catch (error) {
        this.#log.error({ err: error }, 'answer of a worker not handled');
      }
    });
  }

  /** Begins to wait; without `deadline` (milliseconds) for as long as the worker lives. */
  begin(listener: Listener, deadline: number | undefined): Exchange {
    const call = deadline !== undefined;
    const name = `${this.#edge}${call ? CALLING : LISTENING}${(this.#next++).toString(36)}`;
    const to = this.#cluster.subjects.stream(this.#edge, name);
    const exchange = new RunningExchange(this.#ports, { name, to, listener, call });
    if (call) exchange.cancelDeadline = this.#wheel.after(deadline, () => this.#lose(name, 'deadline'));
    this.#waiting.set(name, exchange);
    if (call) this.#calls += 1;
    return exchange;
  }

  /** Resolves once nobody here waits for an answer; streams that wait for whatever may come do not count. */
  async answered(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (signal.aborted || this.#calls === 0) resolve();
    };
    this.#settled.add(check);
    signal.addEventListener('abort', check, { once: true });
    check();
    await promise;
    this.#settled.delete(check);
  }

  /** This edge goes: whoever still waits for an answer here is told so. */
  leave(): void {
    for (const { name, call } of [...this.#waiting.values()]) if (call) this.#lose(name, 'edge');
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop();
    this.owners[Symbol.dispose]();
    this.#subscription?.unsubscribe();
    for (const name of [...this.#waiting.keys()]) this.#lose(name, 'owner');
  }

  #receive(exchange: RunningExchange, head: DownHead, body: Buffer): void {
    const { name, position } = exchange;
    if (position?.asking && (head.t === 'ok' || head.t === 'no')) {
      position.asking = false;
      if (head.t === 'no' && !mayBeNew(exchange, head)) return this.#lose(name, 'owner');
      if (exchange.spoken) return;
    }
    // Late, and to an earlier question.
    else if (position && head.t === 'no' && head.reason === 'request.event_id' && exchange.call) return;
    if (exchange.repeated && !exchange.certain && head.t === 'no') return this.#lose(name, 'owner');
    exchange.spoken = true;
    if (position && head.t === 'server') {
      if (head.seq <= position.seq) return;
      if (head.seq > position.seq + 1) return this.#ask(exchange);
      position.seq = head.seq;
    }
    exchange.listener.receive(head, body);
  }

  #undelivered(exchange: RunningExchange): void {
    const { name, position, repeated } = exchange;
    if (!position?.asking && !repeated) return exchange.listener.undelivered();
    // The owner may be about to find its way back to the bus; whether it does is found out for all that waits for it.
    this.#later(exchange, () => this.#askAgain([name]));
  }

  /** What its owner sent is above the limit of this edge, which is not that of its worker. */
  #tooLarge(exchange: RunningExchange): void {
    const error = new CausewayError('server.reply_too_large');
    this.#log.warn({ reason: error.reason }, 'a worker sends more than streams.maxMessage allows here');
    exchange.listener.receive(verdictOf(error), Buffer.alloc(0));
  }

  #later(exchange: RunningExchange, fn: () => void): void {
    exchange.cancelAgain?.();
    exchange.cancelAgain = this.#waiting.has(exchange.name) ? this.#wheel.after(AGAIN, fn) : undefined;
  }

  #publish(exchange: RunningExchange, worker: WorkerId, subject: string, head: UpHead, body: Buffer | undefined): void {
    const { name, to } = exchange;
    if (this.#cluster.bus.status === 'connected' && this.owners.presence(worker) === 'gone')
      return queueMicrotask(() => this.#waiting.get(name) === exchange && this.#undelivered(exchange));
    this.#cluster.bus.publish(subject, new Envelope(head, body), to);
  }

  /** Asks the owner for what follows the last frame that was passed on. */
  #ask({ position, to }: RunningExchange): void {
    if (!position || position.asking) return;
    const { control, identity, stream } = position.stream;
    const fresh = position.stream.after === undefined && position.seq === 0;
    const head: ControlHead = { t: 'attach', identity, stream, ...(fresh ? {} : { after: position.seq }) };
    position.asking = offer(() => this.#cluster.bus.publish(control, new Envelope(head), to));
  }

  /** The bus is back: what was sent meanwhile reached nobody here. */
  #takeUp(): void {
    this.owners.reconnect();
    this.words.resume();
    this.#askAgain(this.#waiting.keys());
  }

  /** What was asked before a connection was lost may have been lost with it. */
  #askAgain(names: Iterable<string>): void {
    for (const name of names) {
      const exchange = this.#waiting.get(name)!;
      if (exchange.position) exchange.position.asking = false;
      this.#ask(exchange);
      this.#repeat(exchange);
    }
  }

  #repeat(exchange: RunningExchange): void {
    if (exchange.spoken || exchange.again === undefined) return;
    exchange.repeated = true;
    offer(exchange.again);
  }

  #bind(exchange: RunningExchange, owner: WorkerId | undefined): void {
    const { name } = exchange;
    if (exchange.owner === owner || this.#waiting.get(name) !== exchange) return;
    if (exchange.owner !== undefined) this.owners.release(exchange.owner, name);
    exchange.owner = owner;
    if (owner !== undefined) this.owners.hold(owner, name);
  }

  /** Whoever sent this believes that somebody here still listens. */
  #disown(reply: string | undefined): void {
    if (reply !== undefined) offer(() => this.#cluster.bus.publish(reply, new Envelope({ t: 'end', why: 'complete' })));
  }

  #lose(name: string, why: Loss): void {
    this.#remove(name)?.listener.lost(why);
  }

  #remove(name: string): RunningExchange | undefined {
    const exchange = this.#waiting.get(name);
    if (exchange === undefined) return undefined;
    this.#waiting.delete(name);
    if (exchange.owner !== undefined) this.owners.release(exchange.owner, name);
    exchange.cancelDeadline?.();
    exchange.cancelAgain?.();
    if (!exchange.call) return exchange;
    this.#calls -= 1;
    for (const settled of this.#settled) settled();
    return exchange;
  }
}
