/**
 * Owns one sending to the owner of a session: messages that its owner certainly did not take are sent again to
 * whoever owns the session by then.
 *
 * Invariants: nothing is sent to another owner unless the bus, or the owner, has said of every message that it was not
 * taken, nor anything once its outcome was told; nor is anything sent to one that is known to be silent, but to whoever
 * the record names after it; the number of sendings is bounded; while the owner is looked for no time runs.
 */
import type { DownHead, Place } from '@causeway/cluster';
import { asCausewayError, CausewayError } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import type { Exchange } from './exchange.ts';
import { busFailure } from './failures.ts';
import type { Missing } from './relocate.ts';

const MOST = 4;
/** Milliseconds after which the bus, once it is back, would have brought a word that was on its way. */
const SETTLED = 3_000;
/** Milliseconds before the same owner is sent to again. */
const PAUSE = 200;

export interface DeliveryOptions {
  readonly edge: EdgeContext;
  readonly session: KnownSession;
  readonly exchange: Exchange;
  /** How many messages `send` sends over the exchange. */
  readonly messages: number;
  /** Sends all of them to the owner. May throw BusError. */
  send(place: Place): void;
  /** Not sent, or not taken by anybody. */
  failed(error: CausewayError): void;
  /** Nobody waits for the outcome any more, or it was told. */
  over(): boolean;
  /** Milliseconds that the owner may take to say something, and what then happens. */
  readonly late?: { readonly after: number; readonly fn: () => void };
}

export class Delivery {
  readonly #options: DeliveryOptions;
  #place: Place;
  #sendings = 0;
  #missed = 0;
  #taken = false;
  /** It was sent once more to an owner that had not heard of it when it said so: what was sent before may still arrive. */
  #unsure = false;
  #cancelLate: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#place = options.edge.places.of(options.session);
  }

  /** Where it was sent to last. */
  get place(): Place {
    return this.#place;
  }

  begin(): void {
    this.#send(this.#place);
  }

  /** The bus found nobody for one of the messages. */
  undelivered(): void {
    this.#miss('unreached');
  }

  /** Whether this word of the worker concerns the delivery alone: that it did not take a message. */
  handles(head: DownHead): boolean {
    if (head.t === 'no' && head.reason === 'cluster.moved') {
      this.#miss('absent');
      return true;
    }
    if (head.t === 'no' && head.reason === 'request.event_id' && !this.#taken) {
      // Asked for what it had sent, it says that it never heard of the call.
      this.#unsure = true;
      this.#send(this.#place);
      return true;
    }
    this.#taken = true;
    this.#cancelLate?.();
    return false;
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.#cancelLate?.();
  }

  #send(place: Place): void {
    const { edge, late } = this.#options;
    if (this.#options.over()) return;
    this.#place = place;
    this.#missed = 0;
    this.#sendings += 1;
    this.#cancelLate?.();
    if (this.#sendings > MOST) return this.#fail(silent());
    if (edge.exchanges.owners.presence(place.owner) === 'silent') return this.#lookElsewhere(place);
    if (late) this.#awaitWord(late.after);
    try {
      this.#options.send(place);
    } catch (error) {
      this.#fail(busFailure(error));
    }
  }

  /** Nothing is sent to an owner that says nothing; but somebody else may have taken the session over already. */
  #lookElsewhere(place: Place): void {
    if (this.#unsure) return this.#fail(silent());
    const { edge, session } = this.#options;
    void edge.relocation.successor(session, place).then((found) => (found ? this.#send(found) : this.#options.failed(silent())));
  }

  /** What may have been taken is not said to have been refused. */
  #fail(error: CausewayError): void {
    this.#options.failed(this.#unsure ? new CausewayError('cluster.owner_lost') : error);
  }

  /** While the bus is away, and until it could have brought a word after that, no silence is the owner's. */
  #awaitWord(after: number): void {
    const { edge, late } = this.#options;
    this.#cancelLate = edge.wheel.after(after, () => {
      const { cluster, clock, exchanges } = edge;
      const settled = cluster.bus.status === 'connected' && clock.monotonic() - exchanges.owners.backSince >= SETTLED;
      if (settled) late?.fn();
      else this.#awaitWord(SETTLED);
    });
  }

  #miss(missing: Missing): void {
    const { edge, session, exchange, messages } = this.#options;
    this.#missed += 1;
    // Some were taken: what becomes of the rest is not known to be nothing.
    if (this.#taken || this.#unsure) return this.#options.failed(new CausewayError('cluster.owner_lost'));
    if (this.#missed < messages) return;
    exchange.unbind();
    this.#cancelLate?.();
    edge.relocation.find(session, this.#place, missing).then(
      (place) => {
        if (place.epoch > this.#place.epoch) this.#send(place);
        else edge.wheel.after(PAUSE, () => this.#send(place));
      },
      (error: unknown) => this.#options.failed(asCausewayError(error)),
    );
  }
}

const silent = (): CausewayError => new CausewayError('cluster.owner_silent', { retryAfter: 1 });
