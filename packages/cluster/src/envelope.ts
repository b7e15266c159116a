/**
 * Owns the envelope: a small head of our own (heads.ts) and the untouched bytes of at most one JSON-RPC message.
 * On the wire: one line of JSON, a line feed, the message.
 */
import { CausewayError, isReason } from '@causeway/protocol';
import type { Head, VerdictHead } from './heads.ts';

const EMPTY = Buffer.alloc(0);

/** `parts` are laid one after the other behind the head: a message need not be joined before. */
export function encode(head: Head, ...parts: readonly Uint8Array[]): Buffer {
  const line = JSON.stringify(head);
  const lineBytes = Buffer.byteLength(line);
  let size = lineBytes + 1;
  for (const part of parts) size += part.length;
  const out = Buffer.allocUnsafe(size);
  out.write(line, 0, 'utf8');
  out[lineBytes] = 0x0a;
  let at = lineBytes + 1;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export interface Envelope<H extends Head = Head> {
  readonly head: H;
  readonly body: Buffer;
}

/** `undefined` for bytes that are no envelope: the bus is not trusted to carry only ours. */
export function decode<H extends Head>(data: Buffer): Envelope<H> | undefined {
  const line = data.indexOf(0x0a);
  if (line < 0) return undefined;
  try {
    const head = JSON.parse(data.toString('utf8', 0, line)) as H;
    if (typeof head !== 'object' || head === null || typeof head.t !== 'string') return undefined;
    return { head, body: line + 1 === data.length ? EMPTY : data.subarray(line + 1) };
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
