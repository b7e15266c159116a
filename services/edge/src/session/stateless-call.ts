/**
 * Owns one request of the stateless era on its way: choosing a worker, asking it, and asking another where the first has
 * certainly not taken it. A request that goes on with one that waits goes to the worker where that waits, and nowhere else.
 *
 * Invariants: one worker is asked at a time, once more where it has not heard of the request, for a connection was lost; the next
 * only after a definite no to what was sent once; every request ends with its answer, its refusal, its deadline, or the loss of
 * the worker.
 */
import { BusError, errorOf, type CallHead, type DownHead } from '@causeway/cluster';
import { CausewayError, type Frame, type Identity, type RequestState, type Span, type WorkerId } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { frameHead } from './call.ts';
import { Candidates } from './candidates.ts';
import type { Exchange, Listener, Loss } from './exchange.ts';
import { busFailure, lossOf } from './failures.ts';

export interface StatelessOrder {
  readonly server: string;
  readonly identity: Identity;
  /** Whose share of the limits it takes. */
  readonly share?: Identity;
  readonly frame: Frame;
  /** `params`, and `params._meta`. */
  readonly params: Span;
  readonly meta: Span;
  readonly name?: string;
  /** Values of its `Mcp-Param-` headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** It goes on with an earlier one. */
  readonly state?: RequestState;
  /** Milliseconds; absent: it is a subscription, and lasts. */
  readonly deadline?: number;
}

/** What becomes of it. */
export interface StatelessListener {
  message(head: Extract<DownHead, { t: 'server' }>, bytes: Buffer): void;
  /** The worker has taken it. */
  admitted(): void;
  failed(error: CausewayError): void;
  /** Its stream is over without an answer. */
  ended(): void;
}

export class StatelessCall implements Listener {
  readonly #edge: EdgeContext;
  readonly #order: StatelessOrder;
  readonly #listener: StatelessListener;
  readonly #exchange: Exchange;
  readonly #candidates: Candidates;
  #worker: WorkerId | undefined;
  /** Its number at that worker. */
  #number = 0;
  /** It was sent there once more: what was sent before may still arrive. */
  #again = false;
  /** The worker that it asks for has not taken it. */
  #astray = false;
  #spoken = false;

  constructor(edge: EdgeContext, order: StatelessOrder, listener: StatelessListener) {
    this.#edge = edge;
    this.#order = order;
    this.#listener = listener;
    this.#candidates = new Candidates(edge, order.server);
    this.#exchange = edge.exchanges.begin(this, order.deadline);
  }

  get stream(): string {
    return this.#exchange.name;
  }

  /** Asks the next worker, also a moment later. */
  ask(): void {
    const worker = this.#choose();
    if (worker instanceof CausewayError) return this.#fail(worker);
    if (worker === undefined) return this.#exchange.later(() => this.ask());
    this.#worker = worker;
    this.#number = this.#edge.numbers.next(worker);
    const { name: stream } = this.#exchange;
    const control = this.#edge.cluster.subjects.callControl(worker, stream);
    this.#exchange.follow({ owner: worker, control, identity: this.#order.identity, stream, after: 0 });
    this.#send(worker);
  }

  #send(worker: WorkerId): void {
    try {
      this.#exchange.send(worker, this.#edge.cluster.subjects.call(worker), this.#head(worker), this.#order.frame.bytes);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      this.#fail(busFailure(error));
    }
  }

  /** The client's socket has taken everything up to `seq`. */
  taken(seq: number): void {
    this.#tell({ t: 'credit', seq });
  }

  /** The client has left: in this era that cancels. */
  leave(): void {
    this.#tell({ t: 'detach' });
    this.end();
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.#exchange.end();
  }

  receive(head: DownHead, body: Buffer): void {
    if (head.t === 'no' && !this.#spoken) return this.#refused(errorOf(head));
    if (!this.#spoken) this.#candidates.found(this.#worker!);
    this.#spoken = true;
    if (head.t === 'server') this.#listener.message(head, body);
    else if (head.t === 'ok') this.#listener.admitted();
    else if (head.t === 'no') this.#fail(errorOf(head));
    else if (head.t === 'end') this.#listener.ended();
  }

  undelivered(): void {
    this.#candidates.miss(this.#worker!);
    if (this.#spoken || this.#again) return this.#fail(new CausewayError('cluster.owner_lost'));
    if (this.#bound && this.#candidates.patient()) this.#exchange.later(() => this.ask());
    else this.#askNext();
  }

  lost(why: Loss): void {
    // One that only stood still would go on for nobody.
    this.#tell({ t: 'detach' });
    this.#listener.failed(lossOf(why));
  }

  #refused(error: CausewayError): void {
    if (error.reason === 'request.event_id' && !this.#again) {
      // Asked for what it had sent, it says that it never heard of the request.
      this.#again = true;
      return this.#send(this.#worker!);
    }
    if (this.#again || this.#bound || !this.#candidates.refuse(this.#worker!, error)) return this.#fail(error);
    this.#askNext();
  }

  /** The call that it goes on with waits at one worker. */
  get #bound(): boolean {
    return this.#order.state?.parked !== undefined;
  }

  #askNext(): void {
    this.#astray = true;
    this.#exchange.unbind();
    this.ask();
  }

  /** `undefined`: there is none now, and a moment later may be one. */
  #choose(): WorkerId | CausewayError | undefined {
    const wanted = this.#order.state?.worker;
    const home = wanted === undefined || this.#astray ? undefined : this.#edge.cluster.ledger.workers().get(wanted);
    if (home !== undefined && home.left !== true) return home.worker;
    if (this.#bound) return new CausewayError('request.state_gone');
    const chosen = this.#candidates.next();
    if (chosen === 'later') return undefined;
    return chosen instanceof CausewayError ? chosen : chosen.worker;
  }

  #head(worker: WorkerId): CallHead {
    const { server, identity, share, frame, params, meta, name, headers, state } = this.#order;
    return {
      t: 'call',
      server,
      stamp: this.#edge.cluster.ledger.stamp(worker),
      identity,
      stream: this.#exchange.name,
      number: this.#number,
      ...(this.#again ? { again: true } : {}),
      frame: frameHead(this.#edge, frame),
      params,
      meta,
      ...(share === undefined ? {} : { share }),
      ...(name === undefined ? {} : { name }),
      ...(headers === undefined ? {} : { headers }),
      ...(state?.parked === undefined ? {} : { parked: state.parked }),
      ...(state?.process === undefined ? {} : { process: state.process }),
      ...(state === undefined ? {} : { inner: state.inner ?? '' }),
    };
  }

  #tell(word: { readonly t: 'credit' | 'detach'; readonly seq?: number }): void {
    if (this.#worker === undefined) return;
    const { name: stream, to } = this.#exchange;
    const control = this.#edge.cluster.subjects.callControl(this.#worker, stream);
    this.#edge.exchanges.words.tell(control, { ...word, stream, to, identity: this.#order.identity });
  }

  /** What may have been taken is not said to have been refused. */
  #fail(error: CausewayError): void {
    this.end();
    this.#listener.failed(this.#again && !this.#spoken ? new CausewayError('cluster.owner_lost') : error);
  }
}
