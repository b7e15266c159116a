/**
 * Owns large messages on their way out: parts of `partBytes`, at most `partWindow` of them to one process without an
 * acknowledgement (window.ts), so that large messages hold up neither the connection nor other subjects.
 *
 * Invariants:
 *  1. Messages to one subject leave in the order of `send`; a large one lets go of its subject once its last
 *     part has left, since the receiver completes it then.
 *  2. `bounce` is called only for a message that certainly reached nobody: some part of it never left or
 *     was refused. When every part has left and the acknowledgements stop, nothing is known and nothing said.
 *  3. A message ends: acknowledged, refused, after `TRANSFER_SILENCE` of silence, or with the connection. One that waits for its
 *     beginning waits for others that do.
 */
import { BUS_LIMITS, BusError, type BusFailure, type BusLimits } from './bus.ts';
import { lengthOf, MARK, TRANSFER_SILENCE, whole, writePart, type Pieces } from './chunks.ts';
import { Window, type Transfer } from './window.ts';

/** Milliseconds of silence after which a sender that may send no further part asks whether anybody still listens. */
export const PROBE_INTERVAL = 2_000;

/** Where payloads go; must not throw. */
type Send = (subject: string, payload: Uint8Array, reply?: string) => void;

interface Outgoing extends Transfer, Pieces {
  readonly subject: string;
  /** Parts in all; 0 for a message that only waits behind a large one. */
  readonly count: number;
  readonly address: string;
  next: number;
  acknowledged: number;
  quiet: number;
  /** Of a large message, from the beginning of its wait on. */
  window: Window<Outgoing> | undefined;
  timer: NodeJS.Timeout | undefined;
}

export interface PartSenderOptions {
  /** Subject below which this sender alone listens for acknowledgements. */
  readonly inbox: string;
  readonly limits: BusLimits;
  readonly send: Send;
  /** What names the process to which a subject belongs: large messages there share a window. */
  readonly receiver: (subject: string) => string;
  /** Told of every message that certainly reached nobody and names a reply address. */
  readonly bounce: (reply: string, failure: BusFailure) => void;
}

export class PartSender {
  readonly #options: PartSenderOptions;
  readonly #prefix: string;
  /** By subject: what has not left completely, in order. */
  readonly #lanes = new Map<string, Outgoing[]>();
  /** By address: large messages that have begun to leave and are not acknowledged completely. */
  readonly #transfers = new Map<string, Outgoing>();
  /** By receiver: what large messages there are. */
  readonly #windows = new Map<string, Window<Outgoing>>();
  readonly #most: number;
  /** Whoever waits until there is none of either. */
  #idle: PromiseWithResolvers<void> | undefined;
  #waiting = 0;
  #count = 0;

  constructor(options: PartSenderOptions) {
    this.#options = options;
    this.#prefix = `${options.inbox}.`;
    this.#most = 8 * Math.max(options.limits.maxMessageBytes, BUS_LIMITS.maxMessageBytes);
  }

  /** Whether a message to `subject` must go through here whatever its size. */
  holds(subject: string): boolean {
    return this.#lanes.size > 0 && this.#lanes.has(subject);
  }

  /** Sends a message that is given in pieces. Throws BusError `crowded` when as much waits as may wait: eight messages of the largest size, or of 32 MiB. */
  send(subject: string, pieces: readonly Uint8Array[], reply: string | undefined): void {
    const { partBytes } = this.#options.limits;
    const length = lengthOf(pieces);
    if (this.#waiting + length > this.#most) throw new BusError('crowded', subject);
    this.#waiting += length;
    const count = length > partBytes ? Math.ceil(length / partBytes) : 0;
    const address = count === 0 ? '' : this.#prefix + (this.#count += 1).toString(36);
    const state = { next: 0, acknowledged: 0, quiet: 0, window: undefined, timer: undefined };
    const outgoing: Outgoing = { subject, pieces, length, reply, count, address, ...state };
    const lane = this.#lanes.get(subject);
    if (lane !== undefined) {
      lane.push(outgoing);
      return;
    }
    this.#lanes.set(subject, [outgoing]);
    this.#advance(subject);
    this.#serve(outgoing.window);
  }

  /** Takes an acknowledgement, or the word that nobody listens; `false` if the subject is not of a transfer. */
  settle(subject: string, payload: Buffer | 'undelivered'): boolean {
    if (!subject.startsWith(this.#prefix)) return false;
    const transfer = this.#transfers.get(subject);
    if (transfer === undefined) return true;
    if (payload === 'undelivered' || payload[0] === MARK.refused) {
      this.#end(transfer, 'no_responders');
    } else if (payload[0] === MARK.taken && payload.length === 5) {
      const acknowledged = Math.min(payload.readUInt32BE(1) + 1, transfer.next);
      if (acknowledged > transfer.acknowledged) transfer.quiet = 0;
      transfer.acknowledged = Math.max(transfer.acknowledged, acknowledged);
      if (transfer.acknowledged === transfer.count) this.#end(transfer, undefined);
    }
    this.#serve(transfer.window);
    return true;
  }

  /** Resolves once nothing waits here, and nothing is under way: each message has its end. */
  async idle(): Promise<void> {
    if (this.#lanes.size === 0 && this.#transfers.size === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  /** The connection is gone, or is to go: ends everything under way. */
  drop(failure: BusFailure): void {
    const waiting = [...this.#lanes.values()].flat();
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.next === transfer.count) this.#end(transfer, undefined);
    }
    this.#lanes.clear();
    this.#windows.clear();
    for (const outgoing of waiting) this.#end(outgoing, failure);
    this.#waiting = 0;
  }

  /** The first message of a subject is another: a small one leaves, a large one waits for its turn. */
  #advance(subject: string): void {
    const lane = this.#lanes.get(subject);
    if (lane === undefined) return;
    for (let head = lane[0]; head !== undefined; head = lane[0]) {
      if (head.count > 0) {
        head.window = this.#windowTo(subject);
        head.window.add(head);
        return;
      }
      lane.shift();
      this.#waiting -= head.length;
      this.#options.send(subject, whole(Buffer.concat(head.pieces)), head.reply);
    }
    this.#lanes.delete(subject);
  }

  #windowTo(subject: string): Window<Outgoing> {
    const receiver = this.#options.receiver(subject);
    const window = this.#windows.get(receiver) ?? new Window(this.#options.limits.partWindow);
    this.#windows.set(receiver, window);
    return window;
  }

  /** Sends what a window allows. */
  #serve(window: Window<Outgoing> | undefined): void {
    for (let transfer = window?.take(); transfer !== undefined; transfer = window?.take()) this.#sendPart(transfer);
  }

  #sendPart(transfer: Outgoing): void {
    if (transfer.next === 0) {
      this.#transfers.set(transfer.address, transfer);
      transfer.timer = setInterval(() => this.#silence(transfer), PROBE_INTERVAL);
    }
    const part = writePart(transfer, transfer.next, this.#options.limits.partBytes);
    transfer.next += 1;
    this.#options.send(transfer.subject, part, transfer.address);
    if (transfer.next === transfer.count) this.#leave(transfer);
  }

  #silence(transfer: Outgoing): void {
    if (transfer.next === transfer.acknowledged) return;
    transfer.quiet += 1;
    const unsent = transfer.next < transfer.count;
    if (transfer.quiet * PROBE_INTERVAL >= TRANSFER_SILENCE) {
      this.#end(transfer, unsent ? 'no_responders' : undefined);
    } else if (unsent) {
      // once all has left, a receiver that knows nothing of it may have delivered it
      this.#options.send(transfer.subject, Uint8Array.of(MARK.probe), transfer.address);
    }
    this.#serve(transfer.window);
  }

  /** Forgets a message, wherever it was; with a failure it certainly reached nobody. */
  #end(outgoing: Outgoing, failure: BusFailure | undefined): void {
    clearInterval(outgoing.timer);
    this.#transfers.delete(outgoing.address);
    outgoing.window?.remove(outgoing);
    this.#leave(outgoing);
    if (outgoing.window?.empty) this.#windows.delete(this.#options.receiver(outgoing.subject));
    if (failure !== undefined && outgoing.reply !== undefined) this.#options.bounce(outgoing.reply, failure);
    if (this.#lanes.size > 0 || this.#transfers.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Lets the next message of its subject come to the front, if it is there itself. */
  #leave(outgoing: Outgoing): void {
    const lane = this.#lanes.get(outgoing.subject);
    if (lane?.[0] !== outgoing) return;
    lane.shift();
    this.#waiting -= outgoing.length;
    this.#advance(outgoing.subject);
  }
}
