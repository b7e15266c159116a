/**
 * Owns what is known of a request once its head has passed the guard, and the one look at a session id.
 */
import { CausewayError, verifySession, type Identity } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';

export interface Visit {
  /** Name of the server that the URL names. */
  readonly server: string;
  /** Path in front of the endpoint's word, e.g. `/servers/git`. */
  readonly base: string;
  readonly identity: Identity;
}

/** The session of an id that was minted here, for this server and this client. Throws `request.session_unknown`. */
export function findSession(edge: EdgeContext, id: string, visit: Visit): KnownSession {
  const { server, identity } = visit;
  const claims = verifySession(edge.key, id, { server, identity });
  if (!claims) throw new CausewayError('request.session_unknown');
  return { ...claims, server, identity };
}
