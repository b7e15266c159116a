/**
 * Owns what operators see and do of sessions, in the whole cluster: workers are asked, and of one that none has its record.
 * Invariants: "not found" is said only when every worker has answered; of two owners the later one counts.
 */
import type { SessionDescription } from '@causeway/cluster';
import { CausewayError, type SessionToken } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';
import { askAll, askWorker } from './ask.ts';
import { endWaiting, findWaiting, type WaitingSession } from './waiting.ts';

/** Milliseconds for an end: the ladder of stopping a child, the record, and some more. */
const END = 15_000;
/** Ids that are told when several begin so. */
const TOLD = 10;

export interface SessionsView {
  /** The newest first. */
  readonly sessions: readonly SessionDescription[];
  /** How many there are, listed or not. */
  readonly total: number;
  /** Workers whose sessions are missing here. */
  readonly unanswered: readonly string[];
}

export interface SessionsQuestion {
  readonly server?: string;
  readonly limit: number;
}

export async function listSessions(edge: EdgeContext, { server, limit }: SessionsQuestion): Promise<SessionsView> {
  const { answers, unanswered } = await askAll(edge, { t: 'list', limit, ...(server === undefined ? {} : { server }) });
  const sessions = latest(answers.flatMap((answer) => answer.sessions)).toSorted((a, b) => b.opened.localeCompare(a.opened));
  return { sessions: sessions.slice(0, limit), total: answers.reduce((sum, { total }) => sum + total, 0), unanswered };
}

/** The session whose token begins with `prefix`. Rejects with `request.session_unknown`, `request.ambiguous`, `cluster.owner_silent`. */
export async function findSession(edge: EdgeContext, prefix: string): Promise<SessionDescription> {
  const found = await locate(edge, prefix);
  return 'record' in found ? found.description : found;
}

async function locate(edge: EdgeContext, prefix: string): Promise<SessionDescription | WaitingSession> {
  const { answers, unanswered } = await askAll(edge, { t: 'describe', session: prefix });
  const found = latest(answers.flatMap(({ sessions }) => sessions));
  const [only] = found;
  if (found.length > 1) throw new CausewayError('request.ambiguous', { facts: { matches: found.slice(0, TOLD).map(({ id }) => id) } });
  if (only) return only;
  if (unanswered.length === 0) return findWaiting(edge, prefix);
  const message = `No session was found, but not every worker answered: ${unanswered.join(', ')} did not.`;
  throw new CausewayError('cluster.owner_silent', { message, retryAfter: 2 });
}

/** Ends the session; resolves when nothing of it is left. */
export async function endSession(edge: EdgeContext, prefix: string): Promise<SessionDescription> {
  const found = await locate(edge, prefix);
  const session = 'record' in found ? found.description : found;
  edge.log.info({ session: session.id, server: session.server, owner: session.worker }, 'operator ends a session');
  if ('record' in found) await endWaiting(edge, found);
  else await askWorker(edge, session.worker, { t: 'end', session: session.id }, END);
  return { ...session, state: 'ended' };
}

/** For a moment two workers may hold a session, while the earlier one learns that it lost it. */
function latest(sessions: readonly SessionDescription[]): SessionDescription[] {
  const byId = new Map<SessionToken, SessionDescription>();
  for (const session of sessions) {
    const other = byId.get(session.id);
    if (!other || other.epoch < session.epoch) byId.set(session.id, session);
  }
  return [...byId.values()];
}
