/** Owns the reading of what the server says of a delivery, which it puts into the reply subject. Pure. */

export interface Delivery {
  /** Position in the stream. */
  readonly sequence: number;
  /** Position among what this consumer was sent, from 1. */
  readonly delivery: number;
  /** When it was stored, by the server's clock: milliseconds since 1970. */
  readonly stored: number;
  /** What was still to come when it was sent. */
  readonly pending: number;
}

/**
 * `$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<delivery>.<time>.<pending>`, or with a domain and an
 * account after `ACK` and possibly more tokens at the end. `undefined` for anything else.
 */
export function readDelivery(reply: string): Delivery | undefined {
  const tokens = reply.split('.');
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || tokens.length < 9) return undefined;
  const first = tokens.length === 9 ? 4 : 6;
  const [sequence, delivery, stored, pending] = tokens.slice(first + 1, first + 5).map(Number);
  if (sequence === undefined || delivery === undefined || stored === undefined || pending === undefined) return undefined;
  if (Number.isNaN(sequence + delivery + stored + pending)) return undefined;
  return { sequence, delivery, stored: stored / 1e6, pending };
}
