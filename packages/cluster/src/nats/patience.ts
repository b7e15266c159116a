/**
 * Owns what is done about JetStream's passing failures: for seconds after a leader is lost its requests
 * find nobody, time out or are refused, and then work again; and how long anything of NATS is waited for.
 * Invariants: only failures that pass are retried, with growing pauses, until a deadline; an operation
 * learns whether an earlier attempt of it may have been carried out.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CausewayError } from '@causeway/protocol';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream/internal';
import { errors } from '@nats-io/transport-node';

/** JetStream error codes of a cluster that is starting or electing: no leader, no peers yet, not available. */
const PASSING = new Set([10004, 10005, 10007, 10008, 10009, 10118]);

/** Nobody answered for JetStream; the client calls it "not enabled", also while a leader is elected. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof Error && error.name === 'JetStreamNotEnabled' && !(error.cause instanceof JetStreamApiError);
}

/** A failure that may be over a moment later: no answer, or the word of a cluster that is starting or electing. */
export function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return PASSING.has(error.code);
  if (error instanceof errors.RequestError) return !(error.cause instanceof errors.PermissionViolationError);
  return isUnanswered(error) || error instanceof errors.TimeoutError;
}

/** A compare-and-swap that came too late. */
export function isConflict(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence || error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}

/** Repeats `attempt` while it fails in passing, for up to `deadline` milliseconds; then rejects with its last failure. */
export async function patiently<T>(deadline: number, attempt: (unsure: boolean) => Promise<T>): Promise<T> {
  const ends = performance.now() + deadline;
  let unsure = false;
  for (let pause = 50; ; pause = Math.min(pause * 2, 500)) {
    try {
      return await attempt(unsure);
    } catch (error) {
      if (!isPassing(error) || performance.now() + pause > ends) throw error;
      // only "nobody is there" is certain not to have been carried out
      if (!isUnanswered(error)) unsure = true;
      await sleep(pause + Math.random() * pause);
    }
  }
}

/** Any failure of NATS as the error that services know; what the store itself refuses, as when it is full, in its words. */
export function unavailable(cause: unknown, message?: string): CausewayError {
  if (cause instanceof CausewayError) return cause;
  const refused = cause instanceof JetStreamApiError && !isPassing(cause) ? `The store of NATS refuses: ${cause.message}.` : undefined;
  const told = message ?? refused;
  return new CausewayError('cluster.unavailable', told === undefined ? { cause } : { message: told, cause });
}

/** The outcome of `work`; rejects when it takes longer than `ms` milliseconds. It is not stopped by that. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
