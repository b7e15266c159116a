/**
 * Owns the form of a bundle: messages to one process that were published in one event-loop turn, as one message on the
 * wire, since what a NATS server and the clients at both ends do costs by the message more than by the byte. Pure.
 *
 * After the mark each message follows: u16 length of its subject below the process's wildcard, u16 length of its reply
 * address, u32 length of its payload (big-endian), then the three.
 */
import { MARK } from './chunks.ts';

/** One message on its way. */
export interface Post {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly reply: string | undefined;
}

/** Bytes that a bundle adds to each of its messages, names apart. */
const PREFACE = 8;

/** How long what all subjects of a bundle begin with is: its own address but for the last token. */
const shared = (address: string): number => address.lastIndexOf('.') + 1;

/** Bytes of a post in a bundle, as an upper bound. */
export function bundledBytes({ subject, payload, reply }: Post): number {
  return PREFACE + subject.length + (reply?.length ?? 0) + payload.length;
}

/** `posts` go to the process to which `address` belongs. Names are ASCII. */
export function writeBundle(address: string, posts: readonly Post[]): Buffer {
  const from = shared(address);
  let size = 1;
  for (const post of posts) size += bundledBytes(post) - from;
  const out = Buffer.allocUnsafe(size);
  out[0] = MARK.bundle;
  let at = 1;
  for (const { subject, payload, reply = '' } of posts) {
    out.writeUInt16BE(subject.length - from, at);
    out.writeUInt16BE(reply.length, at + 2);
    out.writeUInt32BE(payload.length, at + 4);
    at += PREFACE;
    at += out.write(subject.slice(from), at, 'latin1');
    at += out.write(reply, at, 'latin1');
    out.set(payload, at);
    at += payload.length;
  }
  return out;
}

/** What came in a bundle to `address`; what is no bundle ends where it stops being one. */
export function* readBundle(address: string, bundle: Buffer): Generator<Post & { readonly payload: Buffer }> {
  const base = address.slice(0, shared(address));
  for (let at = 1; at + PREFACE <= bundle.length;) {
    const name = at + PREFACE;
    const reply = name + bundle.readUInt16BE(at);
    const data = reply + bundle.readUInt16BE(at + 2);
    const end = data + bundle.readUInt32BE(at + 4);
    if (end > bundle.length) return;
    yield {
      subject: base + bundle.toString('latin1', name, reply),
      payload: bundle.subarray(data, end),
      reply: reply === data ? undefined : bundle.toString('latin1', reply, data),
    };
    at = end;
  }
}
