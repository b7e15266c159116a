/**
 * Owns what the members of an embedded cluster share: the place of the NATS server when there is none.
 * One process usually has one cluster on a hub of its own; tests put several clusters on one hub.
 * Invariants: everything here is reached only by the files beside this one.
 */
import type { SessionToken } from '@causeway/protocol';
import type { BusMessage, BusStatus } from '../bus.ts';
import { backgroundTime } from '../time.ts';
import { RecordLog } from './record-log.ts';

/** A bus as the hub sees it. */
export interface HubMember {
  readonly status: BusStatus;
  /** Whether anybody at that bus was concerned. */
  deliver(message: BusMessage): boolean;
  /** Tells the sender that its message with this reply address was not delivered. */
  bounce(reply: string): void;
}

export interface HubPost {
  readonly from: HubMember;
  readonly message: BusMessage;
}

export class MemoryHub {
  /** Buses, in the order of joining. */
  readonly members = new Set<HubMember>();
  readonly records = new RecordLog(backgroundTime);
  /** Records as JSON text: what is read back never shares objects with what was written. */
  readonly sessions = new Map<SessionToken, { readonly text: string; readonly revision: number }>();
  /** Sessions whose records were removed. */
  readonly removed = new Set<SessionToken>();
  revision = 0;
  signingKey: Buffer | undefined;
  #queue: HubPost[] = [];

  /** Queues a message; everything queued in one event-loop turn is delivered in the next, in order. */
  post(post: HubPost): void {
    if (this.#queue.push(post) === 1) setImmediate(() => this.#drain());
  }

  #drain(): void {
    const batch = this.#queue;
    this.#queue = [];
    for (const { from, message } of batch) {
      let reached = false;
      // what a bus published before it was closed still goes out
      if (from.status !== 'disconnected') {
        for (const member of this.members) {
          if (member.status === 'connected' && member.deliver(message)) reached = true;
        }
      }
      if (!reached && message.reply !== undefined) from.bounce(message.reply);
    }
  }
}
