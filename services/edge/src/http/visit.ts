/**
 * Owns what is known of a request once its head has passed the guard, and the looks at a session id.
 * What an id says never changes, so it is verified once and remembered, within a bound.
 */
import type { IncomingMessage } from 'node:http';
import { CausewayError, tokenOf, verifySession, type Identity } from '@causeway/protocol';
import { rememberAs } from '@causeway/runtime';
import type { EdgeContext, KnownSession, VerifiedSession } from '../context.ts';
import type { OfferedServer } from '../servers.ts';
import { namesNone, type Endpoint, type Route } from './routes.ts';

export interface Visit {
  /** Name of the server that the URL names. */
  readonly server: string;
  /** Path in front of the endpoint's word, e.g. `/servers/git`. */
  readonly base: string;
  readonly identity: Identity;
  /** Whose share of the limits its sessions take. */
  readonly share?: Identity | undefined;
  /** Milliseconds since 1970 from which nobody vouches for the client any more. */
  readonly until?: number | undefined;
}

/** Ids that are remembered as verified. */
const REMEMBERED = 16_384;

type Transport = VerifiedSession['transport'];
type Audience = Pick<Visit, 'server' | 'identity'>;

/** The session of an id that was minted here, for this server, this transport and this client. Throws `request.session_unknown`. */
export function findSession(edge: EdgeContext, id: string, visit: Audience, transport: Transport): KnownSession {
  const session = verified(edge, id, visit, transport);
  if (!session) throw new CausewayError('request.session_unknown');
  return session;
}

function verified(edge: EdgeContext, id: string, { server, identity }: Audience, transport: Transport): KnownSession | undefined {
  const known = edge.verified.get(id);
  if (known !== undefined && known.server === server && known.identity === identity && known.transport === transport) return known;
  const claims = verifySession(edge.key, id, { server, identity, transport });
  if (!claims) return undefined;
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
 * Where a request of a session goes that came to the root: to the server of the session that it names. The default may have been
 * another server when that was opened; and some clients of HTTP+SSE resolve the address that a stream announces against the
 * root of the URL that they were given, and so post there for every server. What names no session of this client goes where the
 * path leads, and is answered there as anything unknown.
 */
export function ofSession(edge: EdgeContext, req: IncomingMessage, identity: Identity, found: Route): Route {
  if (found.kind === 'none' || !namesNone(found)) return found;
  const { endpoint } = found;
  const transport = endpoint === 'mcp' ? 'streamable' : 'sse';
  const id = endpoint === 'mcp' ? req.headers['mcp-session-id'] : sessionPostedTo(endpoint, req);
  if (typeof id !== 'string') return found;
  const server = serverOf(edge, id, identity, transport);
  // As a rule it is the default's.
  if (!server || (found.kind === 'endpoint' && found.server === server)) return found;
  return { kind: 'endpoint', endpoint, server, base: '' };
}

function sessionPostedTo(endpoint: Endpoint, req: IncomingMessage): string | null {
  return endpoint === 'message' && req.method === 'POST' ? sessionInAddress(req) : null;
}

/** The server, of those that are known, that this id was minted for, and for this client. */
function serverOf(edge: EdgeContext, id: string, identity: Identity, transport: Transport): OfferedServer | undefined {
  const known = edge.verified.get(id);
  if (known?.identity === identity && known.transport === transport) return edge.servers.get(known.server);
  if (tokenOf(id) === undefined) return undefined;
  for (const server of edge.servers.known()) if (verified(edge, id, { server: server.name, identity }, transport)) return server;
  return undefined;
}

/**
 * Whether the request is of a session with a server that this edge has not seen: that the name was served is proved by the
 * id. Of a default that is not known (`server` is empty) nothing can be proved, so whatever has the form of an id is let count.
 */
export function isOfUnseen(edge: EdgeContext, req: IncomingMessage, { server, identity }: Audience): boolean {
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

/**
 * Ends a stream that lasts once nobody vouches for its client any more: what a call that was begun before has to tell comes all the
 * same (BAR S49). Returns the cancel.
 */
export function whileVouched(edge: EdgeContext, { until }: Visit, end: () => void): () => void {
  if (until === undefined) return () => undefined;
  return edge.wheel.after(Math.max(0, until - edge.clock.now()), end);
}
