/**
 * Owns large messages on their way out: parts of `partBytes`, at most `partWindow` of them without an
 * acknowledgement, so that a large message holds up neither the connection nor other subjects. Also the
 * form of a part; `reassembly.ts` reads it.
 *
 * The first byte tells what a payload is. An envelope starts with `{`, so a whole message costs nothing;
 * other bytes that look like one of ours are escaped. A part is published with its transfer's own address
 * as reply: acknowledgements arrive there, and so does the bus's word that nobody listens.
 *
 * Invariants:
 *  1. Messages to one subject leave in the order of `send`; a large one lets go of its subject once its last
 *     part has left, since the receiver completes it then.
 *  2. `bounce` is called only for a message that certainly reached nobody: some part of it never left or
 *     was refused. When every part has left and the acknowledgements stop, nothing is known and nothing said.
 */
import { BusError, type BusFailure, type BusLimits } from './bus.ts';

/** First bytes of payloads that are not plain messages. */
export const MARK = { escaped: 0, part: 1, taken: 2, refused: 3, probe: 4, bundle: 5 } as const;
export const LAST_MARK = MARK.bundle;

/** Milliseconds without an acknowledgement, or without a next part, after which a transfer is given up. */
export const TRANSFER_SILENCE = 30_000;
/** Milliseconds of silence after which a sender that may send no further part asks whether anybody still listens. */
export const PROBE_INTERVAL = 2_000;

/** Bytes of a part before its data: mark, length of the reply address, index, size of the whole message. */
const PREFACE = 11;

export interface Part {
  readonly index: number;
  readonly total: number;
  /** Reply address of the whole message; on the first part only. */
  readonly reply: string | undefined;
  readonly data: Buffer;
}

export function readPart(payload: Buffer): Part | undefined {
  if (payload.length < PREFACE) return undefined;
  const replyBytes = payload.readUInt16BE(1);
  const start = PREFACE + replyBytes;
  if (payload.length <= start) return undefined;
  return {
    index: payload.readUInt32BE(3),
    total: payload.readUInt32BE(7),
    reply: replyBytes === 0 ? undefined : payload.toString('utf8', PREFACE, start),
    data: payload.subarray(start),
  };
}

function writePart({ reply, pieces, length, next: index }: Outgoing, partBytes: number): Buffer {
  const address = index === 0 && reply !== undefined ? Buffer.from(reply) : Buffer.alloc(0);
  const from = index * partBytes;
  const end = Math.min(length, from + partBytes);
  const out = Buffer.allocUnsafe(PREFACE + address.length + end - from);
  out[0] = MARK.part;
  out.writeUInt16BE(address.length, 1);
  out.writeUInt32BE(index, 3);
  out.writeUInt32BE(length, 7);
  out.set(address, PREFACE);
  let to = PREFACE + address.length;
  let start = 0;
  for (const piece of pieces) {
    const taken = piece.subarray(Math.max(0, from - start), Math.max(0, end - start));
    out.set(taken, to);
    to += taken.length;
    start += piece.length;
  }
  return out;
}

/** A whole message as payload: itself, unless its first byte could be taken for a mark. */
export function whole(data: Uint8Array): Uint8Array {
  return data.length === 0 || data[0]! > LAST_MARK ? data : Buffer.concat([Uint8Array.of(MARK.escaped), data]);
}

export function lengthOf(pieces: readonly Uint8Array[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

/** Where payloads go; must not throw. */
type Send = (subject: string, payload: Uint8Array, reply?: string) => void;

interface Outgoing {
  readonly subject: string;
  /** The message, which is never laid out as a whole. */
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
  readonly reply: string | undefined;
  /** Parts in all; 0 for a message that only waits behind a large one. */
  readonly count: number;
  readonly address: string;
  next: number;
  acknowledged: number;
  /** Intervals since the last progress. */
  quiet: number;
  timer: NodeJS.Timeout | undefined;
}

export interface PartSenderOptions {
  /** Subject below which this sender alone listens for acknowledgements. */
  readonly inbox: string;
  readonly limits: BusLimits;
  readonly send: Send;
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
  #waiting = 0;
  #count = 0;

  constructor(options: PartSenderOptions) {
    this.#options = options;
    this.#prefix = `${options.inbox}.`;
  }

  /** Whether a message to `subject` must go through here whatever its size. */
  holds(subject: string): boolean {
    return this.#lanes.size > 0 && this.#lanes.has(subject);
  }

  /** Sends a message that is given in pieces. Throws BusError `too_large` when as much waits as may wait: eight messages of the largest size. */
  send(subject: string, pieces: readonly Uint8Array[], reply: string | undefined): void {
    const { maxMessageBytes, partBytes } = this.#options.limits;
    const length = lengthOf(pieces);
    if (this.#waiting + length > 8 * maxMessageBytes) throw new BusError('too_large', subject);
    this.#waiting += length;
    const count = length > partBytes ? Math.ceil(length / partBytes) : 0;
    const address = count === 0 ? '' : this.#prefix + (this.#count += 1).toString(36);
    const outgoing: Outgoing = { subject, pieces, length, reply, count, address, next: 0, acknowledged: 0, quiet: 0, timer: undefined };
    const lane = this.#lanes.get(subject);
    if (lane !== undefined) {
      lane.push(outgoing);
      return;
    }
    this.#lanes.set(subject, [outgoing]);
    this.#pump(subject);
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
    this.#pump(transfer.subject);
    return true;
  }

  /** The connection is gone, or is to go: ends everything under way. */
  drop(failure: BusFailure): void {
    const waiting = [...this.#lanes.values()].flat();
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.next === transfer.count) this.#end(transfer, undefined);
    }
    this.#lanes.clear();
    for (const outgoing of waiting) this.#end(outgoing, failure);
    this.#waiting = 0;
  }

  #pump(subject: string): void {
    const lane = this.#lanes.get(subject);
    if (lane === undefined) return;
    for (let head = lane[0]; head !== undefined; head = lane[0]) {
      if (head.count === 0) this.#options.send(subject, whole(Buffer.concat(head.pieces)), head.reply);
      else if (!this.#sendParts(head)) return;
      lane.shift();
      this.#waiting -= head.length;
    }
    this.#lanes.delete(subject);
  }

  /** Sends what the window allows; whether that was the last of it. */
  #sendParts(transfer: Outgoing): boolean {
    const { partBytes, partWindow } = this.#options.limits;
    if (transfer.next === 0) {
      this.#transfers.set(transfer.address, transfer);
      transfer.timer = setInterval(() => this.#silence(transfer), PROBE_INTERVAL);
    }
    while (transfer.next < transfer.count && transfer.next - transfer.acknowledged < partWindow) {
      const part = writePart(transfer, partBytes);
      transfer.next += 1;
      this.#options.send(transfer.subject, part, transfer.address);
    }
    return transfer.next === transfer.count;
  }

  #silence(transfer: Outgoing): void {
    transfer.quiet += 1;
    const unsent = transfer.next < transfer.count;
    if (transfer.quiet * PROBE_INTERVAL >= TRANSFER_SILENCE) {
      this.#end(transfer, unsent ? 'no_responders' : undefined);
      this.#pump(transfer.subject);
    } else if (unsent) {
      // once all has left, a receiver that knows nothing of it may have delivered it
      this.#options.send(transfer.subject, Uint8Array.of(MARK.probe), transfer.address);
    }
  }

  /** Forgets a message, wherever it was; with a failure it certainly reached nobody. */
  #end(outgoing: Outgoing, failure: BusFailure | undefined): void {
    clearInterval(outgoing.timer);
    this.#transfers.delete(outgoing.address);
    const lane = this.#lanes.get(outgoing.subject);
    if (lane?.[0] === outgoing) {
      lane.shift();
      this.#waiting -= outgoing.length;
      if (lane.length === 0) this.#lanes.delete(outgoing.subject);
    }
    if (failure !== undefined && outgoing.reply !== undefined) this.#options.bounce(outgoing.reply, failure);
  }
}
