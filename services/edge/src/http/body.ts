/**
 * Owns reading the body of a request whose head was accepted, within a bound.
 *
 * Invariants: what is larger is refused as soon as that is known, by its declared length before a byte was read; a body
 * that breaks off is handed to nobody, since nobody is left to answer. That its length is the declared one is Node's to see to.
 */
import type { IncomingMessage } from 'node:http';
import { CausewayError } from '@causeway/protocol';

export interface BodyReader {
  /** All of it. */
  take(body: Buffer): void;
  /** It is larger than it may be. */
  refuse(error: CausewayError): void;
}

const EMPTY = Buffer.alloc(0);

export function readBody(req: IncomingMessage, limit: number, reader: BodyReader): void {
  if (Number(req.headers['content-length']) > limit) return reader.refuse(new CausewayError('request.too_large'));
  /** Nearly every body comes in one chunk, which then needs no copy. */
  let body: Buffer = EMPTY;
  let more: Buffer[] | undefined;
  let size = 0;
  const take = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > limit) {
      req.off('data', take).off('end', end);
      return reader.refuse(new CausewayError('request.too_large'));
    }
    if (more) more.push(chunk);
    else if (body === EMPTY) body = chunk;
    else more = [body, chunk];
  };
  const end = (): void => reader.take(more ? Buffer.concat(more, size) : body);
  req.on('data', take).on('end', end);
}
