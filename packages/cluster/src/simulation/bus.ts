/**
 * Owns a simulated bus: the guarantees of `bus.ts`, and no more than these. What different senders send, and what one
 * sends to different subjects, arrives in any order; what is under way when a connection fails is lost; whoever is
 * silent without the servers' knowledge is sent to in vain.
 */
import {
  BusError,
  type Bus,
  type BusMessage,
  type BusStatus,
  type RequestOptions,
  type StatusListener,
  type Subscription,
} from '../bus.ts';
import { onWire, type Envelope } from '../envelope.ts';
import { Requests } from '../requests.ts';
import { call, matcher, undelivered, type Listener } from '../routes.ts';
import type { Member } from './member.ts';
import type { Split } from './split.ts';

interface Heard {
  readonly matches: (subject: string) => boolean;
  readonly listener: Listener;
}

/** What the servers know: who is connected. */
export class Net {
  readonly members = new Set<SimulatedBus>();
  readonly #split: Split;

  constructor(split: Split) {
    this.#split = split;
  }

  /** From one member to whoever listens; else the sender hears that nobody does. */
  route(from: SimulatedBus, message: BusMessage): void {
    let reached = false;
    for (const bus of this.members) {
      const { data } = bus.member;
      if (!bus.hears(message.subject)) continue;
      const arrive = (): void => {
        if (!data.dropped) data.down(`${from.member.id} ${message.subject}`, () => bus.take(message));
      };
      if (data.dropped) reached ||= this.#split.believes(from.member.data, data);
      else if (this.#split.carry(from.member.data, data, arrive)) reached = true;
    }
    const { reply } = message;
    if (!reached && reply !== undefined && !from.member.data.dropped && from.hears(reply))
      from.member.data.down(reply, () => from.take(undelivered(reply)));
  }
}

export class SimulatedBus implements Bus {
  readonly member: Member;
  readonly #net: Net;
  readonly #inbox: string;
  readonly #requests: Requests;
  readonly #heard = new Set<Heard>();
  readonly #watchers = new Set<StatusListener>();
  #closed = false;

  constructor(member: Member, net: Net) {
    this.member = member;
    this.#net = net;
    this.#inbox = `inbox.${member.id}`;
    this.#requests = new Requests(this.#inbox, member.time);
    net.members.add(this);
  }

  get status(): BusStatus {
    if (this.#closed) return 'closed';
    return this.member.data.live ? 'connected' : 'disconnected';
  }

  publish(subject: string, sent: Uint8Array | Envelope, reply?: string): void {
    if (this.#closed) throw new BusError('aborted', subject);
    if (!this.member.data.live) throw new BusError('disconnected', subject);
    const data = Buffer.from(onWire(sent));
    const message = { kind: 'data', subject, reply, data } as const;
    this.member.data.up(subject, () => this.#net.route(this, message));
  }

  /** What was published is on its way. */
  async flushed(): Promise<void> {}

  request(subject: string, data: Uint8Array | Envelope, options: RequestOptions): Promise<BusMessage> {
    return this.#requests.ask(subject, options, (reply) => this.publish(subject, data, reply));
  }

  async subscribe(subject: string, listener: Listener): Promise<Subscription> {
    if (this.status !== 'connected') throw new BusError('disconnected', subject);
    const heard = { matches: matcher(subject), listener };
    this.#heard.add(heard);
    return { unsubscribe: () => void this.#heard.delete(heard) };
  }

  onStatus(listener: StatusListener): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  /** Whether the servers would send it here. */
  hears(subject: string): boolean {
    if (subject.startsWith(`${this.#inbox}.`)) return true;
    for (const { matches } of this.#heard) if (matches(subject)) return true;
    return false;
  }

  take(message: BusMessage): void {
    if (this.#requests.settle(message)) return;
    for (const { matches, listener } of [...this.#heard]) if (matches(message.subject)) call(listener, message);
  }

  /** The connection is lost, or back. */
  changed(): void {
    for (const watcher of [...this.#watchers]) watcher(this.status, this.member.data.silent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#net.members.delete(this);
    this.#requests.close();
    this.#heard.clear();
    this.#watchers.clear();
  }
}
