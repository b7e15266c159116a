/**
 * Owns how a session begins: with its client's initialize, with a 2024-11-05 stream, or by being taken over from an
 * owner that is gone. Each needs a place, then a child; what it needs is held in `held` and given back by session.ts.
 *
 * Invariants: nothing is started without a permit; a session that is taken over has the record before it has a
 * child, so of two takers one starts nothing; its client's messages wait until the new child has been told everything
 * that the former one knew (DECISIONS 7).
 */
import type { OpenHead, StoredSession } from '@causeway/cluster';
import { asCausewayError, CausewayError, notificationOf, readHandshake, revisionLabel } from '@causeway/protocol';
import type { Child, ChildListeners } from '../child/child.ts';
import type { SessionDeps, SessionHeld } from './deps.ts';
import { announceRestart } from './announce.ts';
import { startTimedOut } from './outcome.ts';
import type { SessionParts } from './parts.ts';
import { beginCall } from './upstream.ts';

export interface Beginning {
  readonly parts: SessionParts;
  readonly deps: SessionDeps;
  readonly held: SessionHeld;
  readonly listeners: ChildListeners;
  /** Fires when the session ends before it is open. */
  readonly abandon: AbortSignal;
  /** The session is open from here; `false` if it has ended meanwhile. */
  opened(): boolean;
}

/** Milliseconds that a session which is taken over waits for a place: its former owner may be stopping its child still. */
const HANDOVER = 6_000;

/** A place, and a child in it. Rejects with CausewayError `limit.*`, `server.*`, `cluster.unavailable`, `session.ended`. */
async function start(one: Beginning, claimed?: () => Promise<void>): Promise<Child> {
  const { parts, deps, held, listeners, abandon } = one;
  const { token, epoch, server, share, identity } = parts;
  held.permit = await deps.admit(
    { server: server.name, limits: deps.limitsOf(server), ...(share === undefined ? {} : { identity: share }) },
    { signal: abandon, revoked: () => parts.close('revoked'), ...(claimed ? { patience: HANDOVER } : {}) },
  );
  await claimed?.();
  abandon.throwIfAborted();
  // What ends the child may be what its client says.
  held.attempt = deps.attempt(server.name, identity);
  const child = await deps.startInEra({ token, epoch }, server, listeners, abandon);
  if (abandon.aborted) {
    await child.stop({ gentle: false });
    abandon.throwIfAborted();
  }
  held.child = child;
  return child;
}

/** Over Streamable HTTP: the child gets the client's initialize; its answer opens the session (downstream.ts). */
export async function beginByPost(one: Beginning, head: OpenHead, body: Buffer, reply: string): Promise<void> {
  const { parts } = one;
  if (!head.frame) throw new CausewayError('request.invalid', { message: 'A session opens with initialize.' });
  await start(one);
  beginCall(parts, { head: { frame: head.frame }, body, stream: parts.streams.call(head.stream, reply, 1) });
  parts.reply(reply, { t: 'ok' });
}

/** 2024-11-05: the session is open with its stream; the handshake passes through it like everything else. */
export async function beginByStream(one: Beginning): Promise<void> {
  await start(one);
  await one.parts.handshake.record({ params: '', result: '' });
  // Its child may have ended meanwhile.
  one.abandon.throwIfAborted();
  one.opened();
  one.parts.handshake.expect();
}

/** Taken over: the record first, then a child that hears what the one before it heard. */
export async function beginAgain(one: Beginning, stored: StoredSession): Promise<void> {
  const { parts, deps, held, abandon } = one;
  const { record } = stored;
  held.revision = record.revision;
  parts.ownership.claim(stored);
  const child = await start(one, () => parts.ownership.take(stored, deps.worker));
  const late = parts.wheel.after(parts.server.startTimeout, () => parts.close('start_timeout', startTimedOut(parts)));
  const write = (bytes: Buffer): void => {
    // The lease may have been lost since the place was had.
    if (!deps.mayAct()) throw new CausewayError('cluster.unavailable', { retryAfter: 2 });
    if (!child.write(bytes)) throw new CausewayError('server.busy');
  };
  try {
    const answer = await parts.inquiries.ask('initialize', record.initialize.params, write);
    const handshake = readHandshake(answer.bytes);
    if (handshake?.revision !== record.revision)
      throw new CausewayError('server.start_failed', { message: 'The MCP server did not take up the session as it was.' });
    write(notificationOf('notifications/initialized'));
    // What the server makes of these changes nothing: it was asked the same before.
    for (const { method, params } of parts.standing.requests())
      parts.inquiries.ask(method, params, write).catch((error: unknown) => parts.log.debug({ err: error }, 'standing request lost'));
  } finally {
    late();
  }
  abandon.throwIfAborted();
  one.opened();
  held.attempt?.succeeded();
  announceRestart(parts, record);
  parts.log.info({ revision: revisionLabel(record.revision), epoch: parts.epoch, from: record.owner }, 'session taken over');
}

/** What a beginning that failed is refused with. */
export function beginFailed({ parts, held }: Beginning, error: unknown): CausewayError {
  const refusal = asCausewayError(error);
  if (!(error instanceof CausewayError)) parts.log.error({ err: error, ref: refusal.ref }, 'session could not be opened');
  // What is not the server's fault must not pause its starts.
  if (refusal.reason.startsWith('server.')) held.attempt?.failed();
  return refusal;
}
