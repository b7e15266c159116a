/**
 * Owns what is known of a request once its head has passed the guard, and the one look at a session id.
 * What an id says never changes, so it is verified once and remembered, within a bound.
 */
import { CausewayError, verifySession, type Identity } from '@causeway/protocol';
import { rememberAs } from '@causeway/runtime';
import type { EdgeContext, KnownSession } from '../context.ts';

export interface Visit {
  /** Name of the server that the URL names. */
  readonly server: string;
  /** Path in front of the endpoint's word, e.g. `/servers/git`. */
  readonly base: string;
  readonly identity: Identity;
  /** Whose share of the limits its sessions take. */
  readonly share?: Identity | undefined;
}

/** Ids that are remembered as verified. */
const REMEMBERED = 16_384;

/** The session of an id that was minted here, for this server, this transport and this client. Throws `request.session_unknown`. */
export function findSession(edge: EdgeContext, id: string, visit: Visit, transport: 'streamable' | 'sse'): KnownSession {
  const { server, identity } = visit;
  const known = edge.verified.get(id);
  if (known !== undefined && known.server === server && known.identity === identity && known.transport === transport) return known;
  const claims = verifySession(edge.key, id, { server, identity, transport });
  if (!claims) throw new CausewayError('request.session_unknown');
  const session = { ...claims, server, identity, transport };
  // One that was forgotten is verified again when it comes back.
  rememberAs(edge.verified, id, session, REMEMBERED);
  return session;
}

/** Asserts that this edge still begins calls and streams. Throws `cluster.draining`. */
export function requireOpen(edge: EdgeContext): void {
  if (edge.gate.state === 'closed') throw new CausewayError('cluster.draining', { retryAfter: 1 });
}
