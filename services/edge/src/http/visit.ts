/**
 * Owns what is known of a request once its head has passed the guard, and the looks at a session id.
 * What an id says never changes, so it is verified once and remembered, within a bound.
 */
import type { IncomingMessage } from 'node:http';
import { CausewayError, tokenOf, verifySession, type Identity } from '@causeway/protocol';
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

/** The id in the address of a message of HTTP+SSE. */
export function sessionInAddress(req: IncomingMessage): string | null {
  const query = new URL(req.url ?? '/', 'http://localhost').searchParams;
  return query.get('sessionId') ?? query.get('session_id');
}

/**
 * Whether the request is of a session with a server that this edge has not seen: that the name was served is proved by the
 * id. Of a default that is not known (`server` is empty) nothing can be proved, so whatever has the form of an id is let count.
 */
export function isOfUnseen(edge: EdgeContext, req: IncomingMessage, { server, identity }: Pick<Visit, 'server' | 'identity'>): boolean {
  const header = req.headers['mcp-session-id'];
  const id = typeof header === 'string' ? header : (sessionInAddress(req) ?? '');
  if (server === '') return tokenOf(id) !== undefined;
  const transport = typeof header === 'string' ? 'streamable' : 'sse';
  return verifySession(edge.key, id, { server, identity, transport }) !== undefined;
}

/** Asserts that this edge still begins calls and streams. Throws `cluster.draining`. */
export function requireOpen(edge: EdgeContext): void {
  if (edge.gate.state === 'closed') throw new CausewayError('cluster.draining', { retryAfter: 1 });
}
