/**
 * Owns one view of a bucket that never falls behind for long: the latest of every key, then every change.
 * Invariants: a gap in the numbering, silence beyond two heartbeats, or a new connection start the view
 * again from a complete snapshot, so that an end that was missed shows as absence; at most one consumer
 * of this watch is listened to. Nothing scans.
 */
import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { createInbox, nanos, type Msg, type Subscription } from '@nats-io/transport-node';
import { streamOf, subjectOf } from './buckets.ts';
import { readDelivery } from './delivery.ts';
import type { Link } from './link.ts';

/** Milliseconds between the server's signs of life when nothing changes. */
const HEARTBEAT = 2_000;
const RETRY = 250;

export interface Entry {
  readonly key: string;
  /** Its sequence in the stream. */
  readonly revision: number;
  /** When it was stored, by the server's clock. */
  readonly stored: number;
  /** `undefined`: it is gone. */
  readonly value: Buffer | undefined;
  /** `taken`: by whoever removed the key; `expired`: by itself; `wiped`: with others, by an operator. */
  readonly gone?: 'taken' | 'expired' | 'wiped';
}

export interface WatchOptions {
  readonly bucket: string;
  /** Prefix of the inboxes of this process. */
  readonly inbox: string;
  /** The whole bucket: keys that are not in it are gone. `last` is the newest position of its stream. */
  readonly snapshot: (entries: readonly Entry[], last: number) => void;
  readonly change: (entry: Entry) => void;
}

export class BucketWatch implements AsyncDisposable {
  readonly #link: Link;
  readonly #manager: JetStreamManager;
  readonly #options: WatchOptions;
  readonly #ready = Promise.withResolvers<void>();
  #sub: Subscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Entries of the snapshot that is being received; `undefined` once it is complete. */
  #gathering: Entry[] | undefined;
  #delivered = 0;
  /** The newest position of the stream that is known of. */
  #last = 0;
  #unfollow: () => void = () => undefined;
  #closed = false;

  constructor(link: Link, manager: JetStreamManager, options: WatchOptions) {
    this.#link = link;
    this.#manager = manager;
    this.#options = options;
  }

  /** Resolves with the first snapshot; the caller sets the deadline. */
  async open(): Promise<void> {
    this.#unfollow = this.#link.onChange(() => (this.#link.live ? void this.#start() : this.#stop()));
    void this.#start();
    await this.#ready.promise;
  }

  /** Looks at everything again. */
  restart(): void {
    void this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#unfollow();
    this.#stop();
    this.#ready.resolve();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sub?.unsubscribe();
    this.#sub = undefined;
  }

  /** Listens to a new consumer. Whatever the former one still sends goes nowhere. */
  async #start(): Promise<void> {
    this.#stop();
    if (this.#closed || !this.#link.live) return;
    const address = createInbox(this.#options.inbox);
    const sub = this.#link.nc.subscribe(address, {
      callback: (error, msg) => {
        if (error === null && this.#sub === sub) this.#take(msg);
      },
    });
    this.#sub = sub;
    this.#gathering = [];
    this.#delivered = 0;
    try {
      // Asked before the consumer begins: the end of the stream may be a position whose message is gone.
      const { state } = await this.#link.whileLive(this.#manager.streams.info(streamOf(this.#options.bucket)));
      if (this.#sub !== sub) return;
      this.#last = state.last_seq;
      const info = await this.#link.whileLive(
        this.#manager.consumers.add(streamOf(this.#options.bucket), {
          // a name of its own: permissions are given for the subject that such a creation uses
          name: `watch-${address.slice(address.lastIndexOf('.') + 1)}`,
          deliver_subject: address,
          deliver_policy: DeliverPolicy.LastPerSubject,
          filter_subject: subjectOf(this.#options.bucket, '>'),
          ack_policy: AckPolicy.None,
          idle_heartbeat: nanos(HEARTBEAT),
          inactive_threshold: nanos(30_000),
          mem_storage: true,
          num_replicas: 1,
        }),
      );
      if (this.#sub !== sub) return;
      if (info.num_pending === 0 && this.#delivered === 0) this.#complete();
      this.#expect(HEARTBEAT * 2.5);
    } catch {
      if (this.#sub === sub) this.#expect(RETRY + Math.random() * RETRY);
    }
  }

  /** Starts again unless a message comes within `ms`. */
  #expect(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#start(), ms);
  }

  #take(msg: Msg): void {
    this.#timer?.refresh();
    if (msg.headers?.code === 100) {
      // a heartbeat names the last delivery that it follows, and comes when nothing waits to be delivered
      if (Number(msg.headers.get('Nats-Last-Consumer') || this.#delivered) !== this.#delivered) void this.#start();
      else if (this.#gathering !== undefined) this.#complete();
      return;
    }
    const place = readDelivery(msg.reply ?? '');
    if (place === undefined || place.delivery !== this.#delivered + 1) {
      void this.#start();
      return;
    }
    this.#delivered = place.delivery;
    const gone = endOf(msg);
    this.#last = Math.max(this.#last, place.sequence);
    const entry: Entry = {
      key: msg.subject.slice(subjectOf(this.#options.bucket, '').length),
      revision: place.sequence,
      stored: place.stored,
      value: gone === undefined ? Buffer.from(msg.data) : undefined,
      ...(gone === undefined ? {} : { gone }),
    };
    if (this.#gathering === undefined) return this.#options.change(entry);
    this.#gathering.push(entry);
    if (place.pending === 0) this.#complete();
  }

  #complete(): void {
    const entries = this.#gathering ?? [];
    this.#gathering = undefined;
    this.#options.snapshot(entries, this.#last);
    this.#ready.resolve();
  }
}

/** How the value of a key ended, as a marker tells. */
function endOf({ headers }: Msg): Entry['gone'] {
  if (headers?.has('KV-Operation')) return 'taken';
  const reason = headers?.get('Nats-Marker-Reason') ?? '';
  if (reason === '') return undefined;
  return reason === 'MaxAge' ? 'expired' : 'wiped';
}
