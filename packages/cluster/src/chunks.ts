/**
 * Owns the form of payloads on the wire that are no plain messages, parts of large messages above all; `transfers.ts` sends
 * parts, `reassembly.ts` takes them in. Pure.
 *
 * The first byte tells what a payload is. An envelope starts with `{`, so a whole message costs nothing;
 * other bytes that look like one of ours are escaped. A part is published with its transfer's own address
 * as reply: acknowledgements arrive there, and so does the bus's word that nobody listens.
 */

/** First bytes of payloads that are not plain messages. */
export const MARK = { escaped: 0, part: 1, taken: 2, refused: 3, probe: 4, bundle: 5 } as const;
export const LAST_MARK = MARK.bundle;

/** Milliseconds without an acknowledgement, or without a next part, after which a transfer is given up. */
export const TRANSFER_SILENCE = 30_000;
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

/** A message that is never laid out as a whole. */
export interface Pieces {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
  readonly reply: string | undefined;
}

export function writePart({ pieces, length, reply }: Pieces, index: number, partBytes: number): Buffer {
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
