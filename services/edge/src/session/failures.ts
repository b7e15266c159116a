/** Owns what a failure of the bus, and the loss of an answer, mean to a client. */
import { BusError } from '@causeway/cluster';
import { asCausewayError, CausewayError } from '@causeway/protocol';
import type { Loss } from './exchange.ts';

export function busFailure(error: unknown): CausewayError {
  if (!(error instanceof BusError)) return asCausewayError(error);
  if (error.failure === 'too_large') return new CausewayError('request.too_large');
  return new CausewayError('cluster.unavailable', { retryAfter: 2 });
}

/** Of a call that may have run. */
export function lossOf(why: Loss): CausewayError {
  if (why === 'deadline') return new CausewayError('server.deadline');
  return new CausewayError(
    'cluster.owner_lost',
    why === 'edge' ? { message: 'This instance has shut down before the call was answered.' } : {},
  );
}
