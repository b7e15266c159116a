/**
 * Owns what one bus is about to send: the publications of one event-loop turn, and of the few after it that bring more, leave
 * together, and those that may share a bundle (`Subjects.bundle`) as one message.
 *
 * Invariants: one alone leaves at the end of its turn, and whatever waits after `TURNS` more; to each subscriber what was
 * published first leaves first; nothing is handed to the client while it is not connected, for it would drop that without
 * a word; whoever named a reply address is told of a message that reached nobody, alone or in a bundle; of bundles that have
 * left, only as many are remembered as the server may still refuse.
 */
import type { BusFailure } from '../bus.ts';
import { bundledBytes, writeBundle, type Post } from '../bundles.ts';
import type { Link } from './link.ts';

/** Bytes up to which messages share a bundle, where the servers take as much. */
const BUNDLE_BYTES = 64 * 1024;
/** Turns that a few messages may wait for others, and the number from which on they do not; frames to an edge not for the end of their turn either. */
const TURNS = 4;
const ENOUGH = 16;
/** Bundles after which the server is asked whether it has seen them: what it has not refused by then has arrived. */
const ASK_AFTER = 64;

export interface OutboxOptions {
  readonly link: Link;
  /** Subject below which the server says that a bundle reached nobody. */
  readonly inbox: string;
  /** Bytes that one message may have. */
  readonly maxBytes: number;
  /** As `Subjects.bundle`. */
  readonly bundle: (subject: string) => string | undefined;
  /** Whether `ENOUGH` messages leave at once when the last of them goes there, in the middle of a turn. */
  readonly early: (subject: string) => boolean;
  /** Told of a message that has certainly reached nobody and names a reply address. */
  readonly bounce: (reply: string, failure: BusFailure) => void;
}

interface Bundle {
  readonly posts: Post[];
  bytes: number;
}

/** A bundle that has left. */
interface Sent {
  readonly address: string;
  readonly replies: readonly string[];
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #bundleBytes: number;
  #posts: Post[] = [];
  /** Bytes of their payloads. */
  #bytes = 0;
  /** By address: what goes together. */
  readonly #open = new Map<string, Bundle>();
  /** Bundles that the server may still refuse, in their order. */
  #sent: Sent[] = [];
  #count = 0;
  #asked = false;
  /** The end of a turn is waited for. */
  #waiting = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#bundleBytes = Math.min(BUNDLE_BYTES, options.maxBytes);
  }

  post(subject: string, payload: Uint8Array, reply: string | undefined): void {
    this.#bytes += payload.length;
    if (this.#posts.push({ subject, payload, reply }) >= ENOUGH && this.#options.early(subject)) return this.flush();
    if (this.#waiting) return;
    this.#waiting = true;
    setImmediate(() => this.#turn(1, 0));
  }

  flush(): void {
    const posts = this.#posts;
    this.#posts = [];
    this.#bytes = 0;
    for (const post of posts) {
      const address = post.payload.length > this.#bundleBytes ? undefined : this.#options.bundle(post.subject);
      if (address !== undefined) {
        this.#add(address, post);
        continue;
      }
      this.#sendOpen();
      this.#send(post);
    }
    this.#sendOpen();
  }

  /** Takes the server's word that a bundle reached nobody; `false` if the subject is not a bundle's. */
  settle(subject: string): boolean {
    if (!subject.startsWith(`${this.#options.inbox}.`)) return false;
    const at = this.#sent.findIndex(({ address }) => address === subject);
    if (at < 0) return true;
    const [{ replies }] = this.#sent.splice(at, 1) as [Sent];
    for (const reply of replies) this.#options.bounce(reply, 'no_responders');
    return true;
  }

  /** The connection is gone: of what has left nothing more will be known. */
  drop(): void {
    this.#sent = [];
  }

  /** The end of a turn: where several came, the next may bring more that goes with them. */
  #turn(before: number, turns: number): void {
    const waiting = this.#posts.length;
    const few = waiting < ENOUGH && this.#bytes < this.#bundleBytes;
    if (waiting > before && few && turns < TURNS) return void setImmediate(() => this.#turn(waiting, turns + 1));
    this.#waiting = false;
    this.flush();
  }

  #add(address: string, post: Post): void {
    const bytes = bundledBytes(post);
    const open = this.#open.get(address);
    if (open !== undefined && open.bytes + bytes <= this.#bundleBytes) {
      open.posts.push(post);
      open.bytes += bytes;
      return;
    }
    if (open !== undefined) this.#sendBundle(address, open);
    this.#open.set(address, { posts: [post], bytes });
  }

  #sendOpen(): void {
    if (this.#open.size === 0) return;
    for (const [address, bundle] of this.#open) this.#sendBundle(address, bundle);
    this.#open.clear();
  }

  #sendBundle(address: string, { posts }: Bundle): void {
    if (posts.length === 1) return this.#send(posts[0]!);
    const replies = posts.flatMap(({ reply }) => reply ?? []);
    const reply = `${this.#options.inbox}.${(this.#count += 1).toString(36)}`;
    if (!this.#publish(address, writeBundle(address, posts), reply)) {
      for (const each of replies) this.#options.bounce(each, 'disconnected');
      return;
    }
    if (this.#sent.push({ address: reply, replies }) >= ASK_AFTER && !this.#asked) void this.#ask();
  }

  #send({ subject, payload, reply }: Post): void {
    if (!this.#publish(subject, payload, reply) && reply !== undefined) this.#options.bounce(reply, 'disconnected');
  }

  /** Whether the client took it: otherwise it has certainly not been sent. */
  #publish(subject: string, payload: Uint8Array, reply: string | undefined): boolean {
    const { link } = this.#options;
    if (!link.live) return false;
    try {
      link.nc.publish(subject, payload, reply === undefined ? {} : { reply });
      return true;
    } catch {
      return false;
    }
  }

  /** The server answers in order: when it has, whatever it would refuse of what left before it has refused. */
  async #ask(): Promise<void> {
    this.#asked = true;
    const last = this.#sent.at(-1);
    try {
      await this.#options.link.nc.flush();
      if (last !== undefined) this.#sent = this.#sent.slice(this.#sent.indexOf(last) + 1);
    } catch {
      // The connection is gone, and with it what was remembered.
    } finally {
      this.#asked = false;
    }
  }
}
