/**
 * Owns how a session ends: calls are answered, streams ended, the child stopped, the record removed unless another
 * owner may take the session over, the place given back when nothing is left.
 */
import { CausewayError } from '@causeway/protocol';
import type { SessionHeld } from './deps.ts';
import { failCall } from './outcome.ts';
import type { SessionParts } from './parts.ts';
import type { Readers } from './readers.ts';
import type { EndReason } from './states.ts';
import type { Stream } from './stream.ts';

/** Reasons for which a child is given time to end by itself. */
const GENTLE: ReadonlySet<EndReason> = new Set(['drain', 'idle', 'released', 'age', 'delete', 'client_gone']);
/** Milliseconds for which the end of a session may wait for its record to be removed. */
const FORGET = 3_000;

export interface Ending {
  readonly reason: EndReason;
  /** What running calls are told. */
  readonly told: CausewayError;
  /** The record stays: another owner may take the session over. */
  readonly stays: boolean;
  readonly readers: Readers;
  /** Settles once the session's beginning has come to its end. */
  readonly start: Promise<unknown>;
}

export interface Ended {
  /** Nobody can find the session any more, or may; `false`: its record could not be removed yet. Never rejects. */
  readonly forgotten: Promise<boolean>;
  /** Nothing is left. Never rejects. */
  readonly gone: Promise<void>;
}

export function endSession(parts: SessionParts, held: SessionHeld, ending: Ending): Ended {
  const { calls, handshake, inquiries, streams, idle } = parts;
  const { reason, told, stays, readers } = ending;
  handshake.close();
  for (const call of [...calls]) failCall(parts, call, told);
  inquiries.close(stays ? new CausewayError('cluster.moved', { retryAfter: 1 }) : told);
  for (const stream of streams.all()) endStream(stream, stays, parts.log);
  streams.discard();
  idle.stop();
  readers.close();
  const forgotten = forget(parts, stays);
  const gone = stop(held, ending).then(async () => {
    await forgotten;
    held.child = undefined;
    held.permit?.release();
  });
  if (reason === 'moved') parts.ownership.leave();
  return { forgotten, gone };
}

/** Whatever is wrong with one stream, the session ends: its child and its place are not held by it. */
function endStream(stream: Stream, stays: boolean, log: SessionParts['log']): void {
  try {
    stream.flush();
    stream.finish(stays ? 'moved' : 'session_ended');
  } catch (error) {
    log.error({ err: error, stream: stream.name }, 'stream not ended');
  }
}

async function forget({ ownership, wheel, log }: SessionParts, stays: boolean): Promise<boolean> {
  if (stays) {
    ownership.leave();
    return true;
  }
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const cancel = wheel.after(FORGET, () => resolve(false));
  const removed = ownership.remove().then(
    () => true,
    (error: unknown) => {
      log.warn({ err: error }, 'session record not removed yet');
      return false;
    },
  );
  return Promise.race([removed, late]).finally(cancel);
}

async function stop(held: SessionHeld, { reason, start }: Ending): Promise<void> {
  const begun = held.child?.stop({ gentle: GENTLE.has(reason) });
  await start;
  await begun;
  await held.child?.stop({ gentle: false });
}
