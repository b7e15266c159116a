/** Owns what a failure of the bus means to a client. */
import { BusError } from '@causeway/cluster';
import { asCausewayError, CausewayError } from '@causeway/protocol';

export function busFailure(error: unknown): CausewayError {
  if (!(error instanceof BusError)) return asCausewayError(error);
  if (error.failure === 'too_large') return new CausewayError('request.too_large');
  return new CausewayError('cluster.unavailable', { retryAfter: 2 });
}
