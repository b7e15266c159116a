/**
 * Owns the Streamable HTTP endpoint: POST, GET and DELETE on one URL, for sessions of the 2025 revisions; a POST of the
 * stateless era is handed on (stateless.ts).
 * Sources: basic/transports of 2025-03-26, 2025-06-18 and 2025-11-25.
 *
 * Invariants: a body is read once; whatever is refused here was published to nobody; a client that leaves
 * a stream ends nothing, one that leaves while its session opens ends that session; an edge that leaves sees a call to its end,
 * whether a POST or a GET waits for it, and sends every other stream away.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  ASSUMED_REVISION,
  CausewayError,
  classify,
  formatEventId,
  isDate,
  isModern,
  isRevision,
  LEGACY_REVISIONS,
  MODERN_REVISION,
  parseEventId,
  rawId,
  readClientBody,
  REVISIONS,
  type AgreedRevision,
  type EraHeaders,
  type Frame,
} from '@causeway/protocol';
import type { EdgeContext, KnownSession, OpenStream } from '../context.ts';
import { close, isHeld, notify } from '../session/call.ts';
import { isListening } from '../session/exchange.ts';
import { Listening } from '../session/listen.ts';
import type { ListenPorts } from '../session/listen-ports.ts';
import { EventStream } from './event-stream.ts';
import { openByPost } from './open-by-post.ts';
import { isRequest, PostCall } from './post-call.ts';
import { refuse, refuseFailure } from './refusal.ts';
import { serveStateless } from './stateless.ts';
import { findSession, requireOpen, whileVouched, type Visit } from './visit.ts';

/**
 * Milliseconds after which a quiet or busy GET is sent away to come back: a frozen client never does. Clients of revisions without
 * a priming event may not come back either, or take a few such ends for a failure (the SDKs for Go, C#, and early ones).
 */
const MAX_AGE = 15 * 60_000;

/** GET and DELETE belong to sessions: the stateless era has POST alone. Throws `request.method`. */
function requireSessions({ headers }: IncomingMessage): void {
  const named = headers['mcp-protocol-version'] as string | undefined;
  // Whoever has a session and names a revision that we do not know has mistaken the revision.
  if (named === MODERN_REVISION || (named !== undefined && isModern(named) && headers['mcp-session-id'] === undefined))
    throw new CausewayError('request.method');
}

/** The revision that a request's header names; absent: what its session agreed on, or 2025-03-26. Throws `request.version`. */
function revisionOf({ headers }: IncomingMessage, { revision }: KnownSession): AgreedRevision {
  const named = headers['mcp-protocol-version'] as string | undefined;
  if (named === undefined) return revision ?? ASSUMED_REVISION;
  if (isRevision(named)) return named;
  // One that we do not know may be the one that was agreed on.
  if (!isRevision(revision) && isDate(named) && !isModern(named)) return 'other';
  throw new CausewayError('request.version', { facts: { supported: [...LEGACY_REVISIONS] } });
}

function requireSession(edge: EdgeContext, req: IncomingMessage, visit: Visit): KnownSession {
  const id = req.headers['mcp-session-id'];
  if (typeof id !== 'string' || id === '') throw new CausewayError('request.session_missing');
  return findSession(edge, id, visit, 'streamable');
}

function accept(res: ServerResponse): void {
  res.writeHead(202, { 'content-length': 0, 'cache-control': 'no-store' }).end();
}

/** The guard has refused any that came twice. */
function eraHeaders({ headers }: IncomingMessage): EraHeaders {
  const {
    'mcp-protocol-version': version,
    'mcp-method': method,
    'mcp-name': name,
  } = headers as Readonly<Record<string, string | undefined>>;
  return { version, method, name };
}

export function post(edge: EdgeContext, visit: Visit, req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  let requests: readonly Frame[] = [];
  const fail = (error: unknown): void =>
    refuseFailure(res, error, edge, () => ({ id: requests.length === 1 ? rawId(requests[0]!) : undefined }));
  try {
    const read = readClientBody(body);
    const batch = read.kind === 'batch';
    const frames = batch ? read.frames : [read.frame];
    requests = frames.filter(isRequest);
    const stateless = classify(read, eraHeaders(req));
    if (stateless === 'ignored') return accept(res);
    if (requests.length > 0) requireOpen(edge);
    if (stateless) return serveStateless(edge, visit, req, res, stateless);
    if (requests.some(({ method }) => method === 'initialize')) {
      if (batch) throw new CausewayError('request.invalid', { message: 'Invalid Request: initialize must not be part of a batch' });
      return void initialize(edge, visit, req, res, frames[0]!).catch(fail);
    }
    const session = requireSession(edge, req, visit);
    const revision = revisionOf(req, session);
    if (batch && !REVISIONS[revision].batches)
      throw new CausewayError('request.invalid', { message: 'Batches exist in revision 2025-03-26 only.' });
    const messages = { frames, batch };
    if (requests.length > 0) new PostCall(edge, res, { session, revision, messages, requests }).begin();
    else notify(edge, session, messages).then(() => accept(res), fail);
  } catch (error) {
    fail(error);
  }
}

/** A second initialize on a living session is refused; one with the id of a dead session opens a new one. */
async function initialize(edge: EdgeContext, visit: Visit, req: IncomingMessage, res: ServerResponse, frame: Frame): Promise<void> {
  const id = req.headers['mcp-session-id'];
  if (typeof id === 'string') {
    const known = await Promise.resolve()
      .then(() => isHeld(edge, findSession(edge, id, visit, 'streamable')))
      .catch(() => false);
    if (known) throw new CausewayError('request.invalid', { message: 'Invalid Request: Server already initialized' });
  }
  // A client that has left meanwhile is not opened a session.
  if (!res.destroyed) openByPost(edge, visit, res, frame, rawId(frame));
}

export function get(edge: EdgeContext, visit: Visit, req: IncomingMessage, res: ServerResponse): void {
  requireOpen(edge);
  requireSessions(req);
  const session = requireSession(edge, req, visit);
  const agreed = revisionOf(req, session);
  const last = req.headers['last-event-id'];
  const from = typeof last === 'string' && last !== '' ? parseEventId(last) : undefined;
  if (typeof last === 'string' && last !== '' && !from) throw new CausewayError('request.event_id');
  const { streams } = edge.options;
  let events: EventStream | undefined;
  let stream = from?.stream;
  const ofCall = (): boolean => stream !== undefined && !isListening(stream);
  /** The client comes back where it likes, with the id of its last event. */
  const dismiss = (): void => {
    listening.leave();
    events?.dismiss(streams.retry);
  };
  const open: OpenStream = {
    identity: visit.identity,
    retire: async (late) => (ofCall() ? once(res, 'close', { signal: late }).then(undefined, dismiss) : dismiss()),
  };
  const ports: ListenPorts = {
    attached: (name, revision) => {
      if (res.destroyed) return;
      stream = name;
      // Otherwise it goes on at another owner.
      if (!events) {
        events = new EventStream(res, {
          clock: edge.clock,
          wheel: edge.wheel,
          untaken: edge.untaken,
          heartbeat: streams.heartbeat,
          taken: (seq) => listening.taken(seq),
          headers: { 'mcp-session-id': String(req.headers['mcp-session-id']) },
        });
        if (!from && revision && REVISIONS[revision].primingEvent) events.priming(formatEventId(name, 0), streams.retry);
        edge.streams.add(open);
        events.begin();
      }
      if (edge.gate.state === 'closed' && !ofCall()) dismiss();
    },
    message: (head, bytes) => events?.message(bytes, { id: formatEventId(stream!, head.seq), seq: head.seq }),
    // As for any event stream: do not come back. One that is empty would make a client ask again, and without the id.
    complete: () => void res.writeHead(204, { 'cache-control': 'no-store' }).end(),
    refused: (error) => refuse(res, error, { teller: edge }),
    ended: () => events?.end(),
  };
  const listening = new Listening(edge, session, ports, { from });
  // An answer may be all that is to come: it is waited for from the beginning.
  if (ofCall()) edge.streams.add(open);
  const cancelAge = isRevision(agreed) && REVISIONS[agreed].primingEvent ? edge.wheel.after(MAX_AGE, dismiss) : undefined;
  const cancelVouched = whileVouched(edge, visit, dismiss);
  res.once('close', () => {
    cancelAge?.();
    cancelVouched();
    edge.streams.delete(open);
    listening.leave();
  });
}

export async function remove(edge: EdgeContext, visit: Visit, req: IncomingMessage, res: ServerResponse): Promise<void> {
  requireSessions(req);
  const session = requireSession(edge, req, visit);
  revisionOf(req, session);
  await close(edge, session);
  res.writeHead(200, { 'content-length': 0, 'cache-control': 'no-store' }).end();
}
