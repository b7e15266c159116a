/**
 * Owns the envelope: a small head of our own (heads.ts) and the untouched bytes of at most one JSON-RPC message.
 * On the wire: one line of JSON, a line feed, the message. Within one process it passes as it is.
 */
import { CausewayError, isReason } from '@causeway/protocol';
import type { BusMessage } from './bus.ts';
import type { Head, VerdictHead } from './heads.ts';

const EMPTY = Buffer.alloc(0);

/** Heads are plain data, as JSON knows it, and nobody changes one that was handed to a bus, nor the body. */
export class Envelope<H extends Head = Head> {
  readonly head: H;
  readonly body: Buffer;
  constructor(head: H, body: Buffer = EMPTY) {
    this.head = head;
    this.body = body;
  }
}

export function encode(head: Head, body: Uint8Array = EMPTY): Buffer {
  const line = JSON.stringify(head);
  const lineBytes = Buffer.byteLength(line);
  const out = Buffer.allocUnsafe(lineBytes + 1 + body.length);
  out.write(line, 0, 'utf8');
  out[lineBytes] = 0x0a;
  out.set(body, lineBytes + 1);
  return out;
}

/** What a bus is given, as bytes. */
export function onWire(payload: Uint8Array | Envelope): Uint8Array {
  return payload instanceof Envelope ? encode(payload.head, payload.body) : payload;
}

/** The same; a message of more than `large` bytes is not copied, and comes as two pieces. */
export function piecesOf(payload: Uint8Array | Envelope, large: number): readonly Uint8Array[] {
  if (!(payload instanceof Envelope) || payload.body.length <= large) return [onWire(payload)];
  return [encode(payload.head), payload.body];
}

/** What a message brings; `undefined` if it is no envelope. */
export function envelopeOf<H extends Head>(message: BusMessage): Envelope<H> | undefined {
  return (message.envelope as Envelope<H> | undefined) ?? decode<H>(message.data);
}

/** `undefined` for bytes that are no envelope: the bus is not trusted to carry only ours. */
export function decode<H extends Head>(data: Buffer): Envelope<H> | undefined {
  const line = data.indexOf(0x0a);
  if (line < 0) return undefined;
  try {
    const head = JSON.parse(data.toString('utf8', 0, line)) as H;
    if (typeof head !== 'object' || head === null || typeof head.t !== 'string') return undefined;
    return new Envelope(head, line + 1 === data.length ? EMPTY : data.subarray(line + 1));
  } catch {
    return undefined;
  }
}

export function verdictOf(error: CausewayError): VerdictHead {
  return {
    t: 'no',
    reason: error.reason,
    message: error.message,
    facts: error.facts,
    ref: error.ref,
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
    ...(error.required === undefined ? {} : { required: error.required }),
  };
}

/** The error that a `no` stands for. */
export function errorOf(head: VerdictHead): CausewayError {
  return new CausewayError(isReason(head.reason) ? head.reason : 'internal', {
    ...(head.message === undefined ? {} : { message: head.message }),
    ...(head.facts === undefined ? {} : { facts: head.facts }),
    ...(head.retryAfter === undefined ? {} : { retryAfter: head.retryAfter }),
    ...(head.ref === undefined ? {} : { ref: head.ref }),
    ...(head.required === undefined ? {} : { required: head.required }),
  });
}
