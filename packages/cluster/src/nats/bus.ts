/**
 * Owns the bus over one NATS connection. Invariants: one standing subscription takes answers, acknowledgements and the server's word about bundles, so a
 * request subscribes to nothing; payloads carry no NATS headers; a bundle brings nothing but what may travel in one.
 * Leaves reconnecting to the client, sending to `outbox.ts`, parts to `transfers.ts` and `reassembly.ts`.
 */
import type { Msg } from '@nats-io/transport-node';
import {
  BUS_LIMITS,
  BusError,
  type Bus,
  type BusLimits,
  type BusMessage,
  type BusStatus,
  type RequestOptions,
  type StatusListener,
  type Subscription,
} from '../bus.ts';
import { readBundle } from '../bundles.ts';
import { LAST_MARK, lengthOf, MARK, whole } from '../chunks.ts';
import { piecesOf, type Envelope } from '../envelope.ts';
import { PartReceiver, type Budget } from '../reassembly.ts';
import { Requests } from '../requests.ts';
import { call, Routes, undelivered, type Listener } from '../routes.ts';
import { PartSender } from '../transfers.ts';
import type { Link } from './link.ts';
import { Outbox } from './outbox.ts';
import { within } from './patience.ts';
import { subscribeOn } from './subscribe.ts';

/** Bytes that a part adds to its data: preface and the longest reply address that we make. */
const PART_OVERHEAD = 1024;
/** Milliseconds in which at the end what waits may leave. */
const FLUSH_DEADLINE = 5_000;

export interface NatsBusOptions {
  /** Subject below which this process alone listens. */
  readonly inbox: string;
  readonly limits?: Partial<BusLimits>;
  /** As `Subjects.bundle`; default: every message travels alone. */
  readonly bundle?: (subject: string) => string | undefined;
  /** As `OutboxOptions.early`; default: nothing does. */
  readonly early?: (subject: string) => boolean;
}

export async function openNatsBus(link: Link, options: NatsBusOptions): Promise<Bus> {
  const bus = new NatsBus(link, options);
  await bus.open();
  return bus;
}

class NatsBus implements Bus {
  readonly #link: Link;
  readonly #limits: BusLimits;
  readonly #inbox: string;
  /** Who here is concerned by an `undelivered`: the server would tell us, unless it was decided here. */
  readonly #routes = new Routes();
  readonly #requests: Requests;
  readonly #parts: PartSender;
  readonly #budget: Budget;
  readonly #receivers = new Set<PartReceiver>();
  readonly #watchers = new Set<StatusListener>();
  readonly #bundle: (subject: string) => string | undefined;
  readonly #outbox: Outbox;
  #told: BusStatus = 'connected';
  #closed = false;
  /** The connection was lost, and is not known to be back. */
  #lost = false;

  constructor(link: Link, options: NatsBusOptions) {
    const limits = { ...BUS_LIMITS, ...options.limits };
    this.#link = link;
    this.#limits = { ...limits, partBytes: Math.min(limits.partBytes, (link.nc.info?.max_payload ?? Infinity) - PART_OVERHEAD) };
    this.#inbox = options.inbox;
    this.#budget = { left: 8 * limits.maxMessageBytes };
    this.#requests = new Requests(`${options.inbox}.q`);
    this.#parts = new PartSender({
      inbox: `${options.inbox}.a`,
      limits: this.#limits,
      send: (subject, payload, reply) => this.#post(subject, payload, reply),
      receiver: (subject) => this.#bundle(subject) ?? subject,
      bounce: (reply, failure) => {
        if (!this.#requests.fail(reply, failure)) queueMicrotask(() => this.#routes.deliver(undelivered(reply)));
      },
    });
    this.#bundle = options.bundle ?? (() => undefined);
    this.#outbox = new Outbox({
      link,
      inbox: `${options.inbox}.b`,
      maxBytes: this.#limits.partBytes,
      bundle: this.#bundle,
      early: options.early ?? (() => false),
      bounce: (reply, failure) => {
        if (this.#parts.settle(reply, 'undelivered') || this.#requests.fail(reply, failure)) return;
        this.#routes.deliver(undelivered(reply));
      },
    });
  }

  /** Takes up the standing subscription and follows the connection. */
  async open(): Promise<void> {
    this.#link.onChange(() => this.#changed());
    const transfers = `${this.#inbox}.a.`;
    const { receive } = this.#receiver((message) => void this.#requests.settle(message));
    await subscribeOn(this.#link, `${this.#inbox}.>`, (msg) => {
      if (msg.subject.startsWith(transfers)) this.#parts.settle(msg.subject, isNoResponders(msg) ? 'undelivered' : bytesOf(msg));
      else if (!isNoResponders(msg) || !this.#outbox.settle(msg.subject)) receive(msg);
    });
  }

  get status(): BusStatus {
    if (this.#closed || this.#link.closed) return 'closed';
    return this.#link.live ? 'connected' : 'disconnected';
  }

  publish(subject: string, sent: Uint8Array | Envelope, reply?: string): void {
    const { partBytes, maxMessageBytes } = this.#limits;
    const pieces = piecesOf(sent, partBytes);
    const bytes = lengthOf(pieces);
    if (this.status === 'closed') throw new BusError('aborted', subject);
    if (bytes > maxMessageBytes) throw new BusError('too_large', subject);
    if (this.status !== 'connected') throw new BusError('disconnected', subject);
    if (bytes > partBytes || this.#parts.holds(subject)) this.#parts.send(subject, pieces, reply);
    else this.#post(subject, whole(pieces[0]!), reply);
  }

  async flushed(): Promise<void> {
    await this.#parts.idle();
    this.#outbox.flush();
    if (this.#link.live) await this.#link.whileLive(this.#link.nc.flush()).catch(() => undefined);
  }

  request(subject: string, data: Uint8Array | Envelope, options: RequestOptions): Promise<BusMessage> {
    return this.#requests.ask(subject, options, (reply) => this.publish(subject, data, reply));
  }

  async subscribe(subject: string, listener: Listener): Promise<Subscription> {
    if (this.status === 'closed') throw new BusError('aborted', subject);
    if (this.#bundle(subject) !== undefined)
      throw new TypeError(`messages to ${subject} come in bundles: subscribe to the wildcard of its process`);
    const route = this.#routes.add(subject, listener);
    const { receive, close } = this.#receiver((message) => call(listener, message));
    let unsubscribe: (() => void) | undefined;
    try {
      unsubscribe = await subscribeOn(this.#link, subject, receive);
    } catch (error) {
      route.unsubscribe();
      close();
      throw error;
    }
    return {
      unsubscribe: () => {
        route.unsubscribe();
        unsubscribe();
        close();
      },
    };
  }

  onStatus(listener: StatusListener): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    for (const receiver of this.#receivers) receiver.close();
    await within(FLUSH_DEADLINE, this.flushed()).catch(() => undefined);
    this.#closed = true;
    this.#tell();
    this.#parts.drop('aborted');
    this.#requests.close();
    this.#routes.clear();
    this.#watchers.clear();
  }

  #post(subject: string, payload: Uint8Array, reply: string | undefined): void {
    if (!this.#closed) this.#outbox.post(subject, payload, reply);
  }

  /** Turns what arrives for one subscription into messages. */
  #receiver(listener: Listener): { receive: (msg: Msg) => void; close: () => void } {
    let open = true;
    // A bundle may bring more than its listener waits for.
    const deliver: Listener = (message) => {
      if (open) listener(message);
    };
    const parts = new PartReceiver({
      maxMessageBytes: this.#limits.maxMessageBytes,
      budget: this.#budget,
      answer: (address, payload) => this.#post(address, payload, undefined),
      deliver,
    });
    this.#receivers.add(parts);
    const take = (subject: string, reply: string | undefined, payload: Buffer): void => {
      const mark = payload[0];
      if (mark === undefined || mark > LAST_MARK) deliver({ kind: 'data', subject, reply, data: payload });
      else if (mark === MARK.escaped) deliver({ kind: 'data', subject, reply, data: payload.subarray(1) });
      else if (mark === MARK.bundle) {
        for (const post of readBundle(subject, payload))
          if (this.#bundle(post.subject) === subject) take(post.subject, post.reply, post.payload);
      } else if ((mark === MARK.part || mark === MARK.probe) && reply !== undefined) parts.take(subject, reply, payload);
    };
    const receive = (msg: Msg): void =>
      isNoResponders(msg) ? deliver(undelivered(msg.subject)) : take(msg.subject, msg.reply || undefined, bytesOf(msg));
    const close = (): void => {
      open = false;
      parts.close();
      this.#receivers.delete(parts);
    };
    return { receive, close };
  }

  #changed(): void {
    if (this.#closed) return;
    if (!this.#link.live) {
      // what is still here was not sent; what was sent may have arrived, and is left to deadlines
      this.#outbox.flush();
      this.#outbox.drop();
      this.#parts.drop('disconnected');
      this.#lost = true;
    } else if (this.#lost) {
      // parts that were on their way here may be lost, and nothing else would tell their senders
      this.#lost = false;
      for (const receiver of this.#receivers) receiver.close();
    }
    if (this.#link.closed) this.#requests.close();
    this.#tell();
  }

  #tell(): void {
    const { status } = this;
    if (status === this.#told) return;
    this.#told = status;
    for (const watcher of [...this.#watchers]) watcher(status, this.#link.silent);
  }
}

/** The server's own word that the message with this reply address reached nobody. */
function isNoResponders(msg: Msg): boolean {
  return msg.data.length === 0 && msg.headers?.code === 503;
}

function bytesOf(msg: Msg): Buffer {
  const { data } = msg;
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
