/**
 * Owns the embedded bus: the guarantees of `bus.ts` within one process. Messages pass by reference and
 * whole, envelopes unwritten, on a later event-loop turn, never within `publish`.
 * Invariants: what a disconnected bus had queued and not delivered is bounced, not delivered later.
 */
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
import { Envelope, onWire } from '../envelope.ts';
import { Requests } from '../requests.ts';
import { Routes, undelivered, type Listener } from '../routes.ts';
import type { HubMember, MemoryHub } from './hub.ts';

/** Everything on its way within one process. */
class LocalMessage implements BusMessage {
  readonly kind = 'data';
  readonly subject: string;
  readonly reply: string | undefined;
  readonly #sent: Uint8Array | Envelope;
  constructor(subject: string, reply: string | undefined, sent: Uint8Array | Envelope) {
    this.subject = subject;
    this.reply = reply;
    this.#sent = sent;
  }

  get envelope(): Envelope | undefined {
    return this.#sent instanceof Envelope ? this.#sent : undefined;
  }

  get data(): Buffer {
    const bytes = onWire(this.#sent);
    return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

export class MemoryBus implements Bus {
  readonly #hub: MemoryHub;
  readonly #limits: BusLimits;
  readonly #routes = new Routes();
  readonly #requests: Requests;
  readonly #watchers = new Set<StatusListener>();
  readonly #member: HubMember;
  #status: BusStatus = 'connected';

  /** `inbox`: a subject below which no other bus of the hub listens. */
  constructor(hub: MemoryHub, inbox: string, limits: Partial<BusLimits> = {}) {
    this.#hub = hub;
    this.#limits = { ...BUS_LIMITS, ...limits };
    this.#requests = new Requests(inbox);
    const bus = this;
    this.#member = {
      get status() {
        return bus.#status;
      },
      deliver: (message) => this.#requests.settle(message) || this.#routes.deliver(message),
      bounce: (reply) => this.#bounce(reply),
    };
    hub.members.add(this.#member);
  }

  get status(): BusStatus {
    return this.#status;
  }

  publish(subject: string, data: Uint8Array | Envelope, reply?: string): void {
    const { length } = data instanceof Envelope ? data.body : data;
    if (this.#status === 'closed') throw new BusError('aborted', subject);
    if (length > this.#limits.maxMessageBytes) throw new BusError('too_large', subject);
    if (this.#status !== 'connected') throw new BusError('disconnected', subject);
    this.#hub.post({ from: this.#member, message: new LocalMessage(subject, reply, data) });
  }

  async flushed(): Promise<void> {
    // by then the hub has delivered what it has now
    await new Promise((resolve) => setImmediate(resolve));
  }

  request(subject: string, data: Uint8Array | Envelope, options: RequestOptions): Promise<BusMessage> {
    return this.#requests.ask(subject, options, (reply) => this.publish(subject, data, reply));
  }

  async subscribe(subject: string, listener: Listener): Promise<Subscription> {
    if (this.#status === 'closed') throw new BusError('aborted', subject);
    return this.#routes.add(subject, listener);
  }

  onStatus(listener: StatusListener): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  /** Cuts this bus off, or joins it again: how a test takes the network away. */
  setConnected(connected: boolean): void {
    if (this.#status !== 'closed') this.#become(connected ? 'connected' : 'disconnected');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#status === 'closed') return;
    this.#become('closed');
    this.#hub.members.delete(this.#member);
    this.#routes.clear();
    this.#requests.close();
    this.#watchers.clear();
  }

  #become(status: BusStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    for (const watcher of [...this.#watchers]) watcher(status);
  }

  #bounce(reply: string): void {
    if (this.#requests.fail(reply, this.#status === 'connected' ? 'no_responders' : 'disconnected')) return;
    this.#routes.deliver(undelivered(reply));
  }
}
