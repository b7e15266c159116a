/**
 * Owns reading the bodies of requests whose heads were accepted, within bounds.
 *
 * Invariants: what is larger is refused as soon as that is known, by its declared length before a byte was read; a body
 * that breaks off is handed to nobody, since nobody is left to answer; in however many pieces it comes, it takes the room
 * of its bytes and a few KiB; what is held of all that have not come whole is bounded, and beyond that those that began first are
 * refused, since most that are meant come within a moment. That its length is the declared one is Node's to see to.
 */
import type { IncomingMessage } from 'node:http';
import { CausewayError } from '@causeway/protocol';
import { Chain, type Link } from '@causeway/runtime';

export interface BodyReader {
  /** All of it. */
  take(body: Buffer): void;
  /** It is larger than it may be, or there is no room to wait for the rest of it. `beginning`: of what was read, up to `BEGINNING` bytes; absent where nothing was. */
  refuse(error: CausewayError, beginning?: Buffer): void;
}

/** In bytes. */
export interface BodyBounds {
  /** Of one body. */
  readonly limit: number;
  /** Held of all that have not come whole. */
  readonly most: number;
}

/** Bytes of a refused body that are looked at: the id of its request stands before what is large, or it is small. */
export const BEGINNING = 16 * 1024;

const EMPTY = Buffer.alloc(0);
const CROWDED = 'Too many requests wait for the rest of their bodies, and this one has waited longest.';

/** The bodies that one listener reads. */
export class Bodies {
  readonly #bounds: BodyBounds;
  /** In the order of their beginning. */
  readonly #unfinished = new Chain<Unfinished>();
  #held = 0;

  constructor(bounds: BodyBounds) {
    this.#bounds = bounds;
  }

  read(req: IncomingMessage, reader: BodyReader): void {
    const { limit } = this.#bounds;
    const declared = req.headers['content-length'] === undefined ? undefined : Number(req.headers['content-length']);
    if (declared !== undefined && declared > limit) return reader.refuse(new CausewayError('request.too_large'));
    /** Nearly every body comes in one piece, which then needs no copy and no place. */
    let whole: Buffer = EMPTY;
    let unfinished: Unfinished | undefined;
    let link: Link<Unfinished> | undefined;
    const leave = (): void => {
      if (link && this.#unfinished.remove(link)) this.#held -= link.value.held;
    };
    const refuse = (error: CausewayError, piece: Buffer = EMPTY): void => {
      leave();
      req.off('data', take).off('end', end);
      reader.refuse(error, unfinished?.beginning() ?? piece.subarray(0, BEGINNING));
    };
    const take = (piece: Buffer): void => {
      if ((unfinished?.size ?? 0) + piece.length > limit) return refuse(new CausewayError('request.too_large'), piece);
      if (!unfinished && piece.length === declared) return void (whole = piece);
      if (!unfinished) {
        unfinished = new Unfinished(refuse);
        link = this.#unfinished.add(unfinished);
        req.once('close', leave);
      }
      this.#held += unfinished.add(piece);
      this.#makeRoom();
    };
    const end = (): void => {
      leave();
      reader.take(unfinished ? unfinished.whole() : whole);
    };
    req.on('data', take).on('end', end);
  }

  #makeRoom(): void {
    for (let first = this.#unfinished.first; first && this.#held > this.#bounds.most; first = this.#unfinished.first)
      first.value.refuse(new CausewayError('request.timeout', { message: CROWDED, retryAfter: 1 }));
  }
}

/** Sizes of the blocks into which small pieces are copied. A piece of the last size may have been read with no more than twice as much. */
const [FIRST_BLOCK, LAST_BLOCK] = [4096, 32_768];

/** A body of which more is to come. */
class Unfinished {
  readonly refuse: (error: CausewayError) => void;
  size = 0;
  /** Bytes that it keeps from being given back. */
  held = 0;
  readonly #pieces: Buffer[] = [];
  /** Between `from` and `to` it has what is no piece yet. */
  #block: Buffer = EMPTY;
  #from = 0;
  #to = 0;

  constructor(refuse: (error: CausewayError) => void) {
    this.refuse = refuse;
  }

  /** All of it so far. */
  whole(): Buffer {
    this.#cut();
    return Buffer.concat(this.#pieces, this.size);
  }

  beginning(): Buffer {
    this.#cut();
    return Buffer.concat(this.#pieces, Math.min(this.size, BEGINNING));
  }

  /** By how much more is held now. */
  add(piece: Buffer): number {
    const before = this.held;
    this.size += piece.length;
    if (piece.length >= LAST_BLOCK) {
      this.#cut();
      this.#pieces.push(piece);
      this.held += piece.buffer.byteLength;
    } else {
      const copied = piece.copy(this.#block, this.#to);
      this.#to += copied;
      if (copied < piece.length) this.#begin(piece.subarray(copied));
    }
    return this.held - before;
  }

  /** A block of its own for what the last one had no room for. */
  #begin(rest: Buffer): void {
    this.#cut();
    this.#block = Buffer.allocUnsafeSlow(Math.max(rest.length, FIRST_BLOCK, Math.min(LAST_BLOCK, this.size)));
    this.held += this.#block.length;
    this.#from = 0;
    this.#to = rest.copy(this.#block);
  }

  #cut(): void {
    if (this.#to > this.#from) this.#pieces.push(this.#block.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
