/**
 * Owns refusing a request whose body was not read: of a POST the beginning is looked at for the id of its request, so that the
 * refusal names it, since some clients wait for ever for an answer that names none.
 *
 * Invariants: nothing but the id is taken from it; whoever does not send it is refused all the same, after a moment; what is held of
 * all of them is bounded, and beyond that nobody is waited for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refusedRequest, type CausewayError } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { BEGINNING } from './body.ts';
import { refuse, type RefusalOptions } from './refusal.ts';

/** Milliseconds for the beginning to come. */
const PATIENCE = 1_000;
/** Requests that are waited for. */
const MOST = 256;

export interface UnreadOptions extends Pick<RefusalOptions, 'plain' | 'allow' | 'challenge'> {
  readonly beginning?: Buffer | undefined;
}

export class Unread {
  readonly #edge: EdgeContext;
  readonly #waiting = new Set<IncomingMessage>();

  constructor(edge: EdgeContext) {
    this.#edge = edge;
  }

  /** Answers with the error: in a moment, unless `beginning` was read of its body before. */
  refuse(res: ServerResponse, error: CausewayError, { beginning, ...options }: UnreadOptions = {}): void {
    const tell = (read?: Buffer): void => refuse(res, error, { ...options, teller: this.#edge, id: read && refusedRequest(read) });
    const asks = res.req.method === 'POST' && options.plain !== true && hasBody(res.req);
    if (beginning || !asks || this.#waiting.size >= MOST) tell(beginning);
    else this.#look(res.req, tell);
  }

  /** Tells once what came, whatever happens. */
  #look(req: IncomingMessage, tell: (read?: Buffer) => void): void {
    let beginning: Buffer | undefined;
    let size = 0;
    const over = (): void => {
      cancel();
      req.off('data', take).off('end', over).off('close', over);
      this.#waiting.delete(req);
      tell(beginning?.subarray(0, size));
    };
    // Copied: a piece keeps all of what it was read with.
    const take = (piece: Buffer): void => {
      beginning ??= Buffer.allocUnsafe(BEGINNING);
      size += piece.copy(beginning, size);
      if (size === BEGINNING) over();
    };
    const cancel = this.#edge.wheel.after(PATIENCE, over);
    this.#waiting.add(req);
    req.on('data', take).once('end', over).once('close', over);
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) > 0);
}
