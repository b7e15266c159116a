/**
 * Owns sessions that have no owner at the moment, as operators see and end them: their records are read, as no worker knows them.
 * Invariants: whoever took one over meanwhile is asked in the record's place; records are removed by workers alone.
 */
import { isOver, type SessionDescription, type SessionRecord, type SessionsAnswer } from '@causeway/cluster';
import { CausewayError, identityLabel, revisionLabel, type SessionToken } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { close } from '../session/call.ts';
import { askWorker } from './ask.ts';

/** Characters of a token. */
const WHOLE = 22;

export interface WaitingSession {
  readonly description: SessionDescription;
  readonly record: SessionRecord;
}

/**
 * The session that no worker has named: as its owner describes it, if it has one by now, or as one that waits. Rejects with
 * `request.session_unknown`, `cluster.*`.
 */
export async function findWaiting(edge: EdgeContext, name: string): Promise<SessionDescription | WaitingSession> {
  const { cluster } = edge;
  if (name.length < WHOLE) throw unknownSoFar();
  const token = name as SessionToken;
  const followed = cluster.ledger.whole;
  const stored = await cluster.sessions.get(token);
  if (stored === undefined) {
    if (await isOver(cluster, token, followed)) throw new CausewayError('request.session_unknown');
    throw new CausewayError('cluster.owner_silent', { message: 'The session was not found, but records may be missing.', retryAfter: 2 });
  }
  const { record } = stored;
  if (cluster.ledger.workers().has(record.owner)) {
    const { sessions } = await askWorker<SessionsAnswer>(edge, record.owner, { t: 'describe', session: token });
    if (sessions[0]) return sessions[0];
  }
  return { description: describe(token, record), record };
}

/** Resolves when its record is gone. */
export async function endWaiting(edge: EdgeContext, { description, record }: WaitingSession): Promise<void> {
  const { owner, epoch, server, identity, created } = record;
  const token = description.id;
  edge.places.learn(token, { owner, epoch });
  await close(edge, { token, owner, server, identity, issued: Math.floor(created / 1000), revision: undefined });
}

/** Records are found by their whole names only. */
function unknownSoFar(): CausewayError {
  const message = 'No worker has a session whose id begins so. One that waits for its next owner is found by its whole id.';
  return new CausewayError('request.session_unknown', { message });
}

function describe(id: SessionToken, { server, owner, epoch, identity, transport, revision, created }: SessionRecord): SessionDescription {
  return {
    id,
    server,
    worker: owner,
    epoch,
    state: 'waiting',
    identity: identityLabel(identity),
    transport,
    revision: revisionLabel(revision),
    opened: new Date(created).toISOString(),
    idleMs: null,
    calls: 0,
    streams: 0,
    pid: null,
  };
}
