/**
 * Owns the transport of 2024-11-05: a GET that carries everything to the client, and a POST for each of
 * its messages. Source: 2024-11-05 basic/transports, HTTP with SSE.
 *
 * Invariants: the session lives exactly as long as its stream; the address for messages is announced
 * relative to the request's path, so that it survives a path prefix in front of us.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorOf, type Place } from '@causeway/cluster';
import { CausewayError, oneLine, readClientBody, slice } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import { notify, tell } from '../session/call.ts';
import { Listening } from '../session/listen.ts';
import { SessionOpening } from '../session/open.ts';
import type { Missing } from '../session/relocate.ts';
import { EventStream } from './event-stream.ts';
import { asRefusal, refuse } from './refusal.ts';
import { findSession, requireOpen, type Visit } from './visit.ts';

/** Milliseconds until a stream must have been begun or refused. */
const VERDICT = 60_000;

/** Where a session is at first. */
const FIRST = ({ owner }: KnownSession): Place => ({ owner, epoch: 1 });

export function openSse(edge: EdgeContext, visit: Visit, res: ServerResponse): void {
  requireOpen(edge);
  let events: EventStream | undefined;
  /** The stream as it goes on at another owner. */
  let listening: Listening | undefined;
  const word = (): { stream: string; to: string } => ({ stream: opening.exchange.name, to: opening.exchange.to });
  const opening = new SessionOpening(
    edge,
    { ...visit, transport: 'sse' },
    {
      receive: (head, bytes) => {
        if (head.t === 'ok') begin();
        else if (head.t === 'no') refuse(res, errorOf(head), { log: edge.log });
        else if (head.t === 'server') events?.message(bytes, { seq: head.seq });
        else if (head.t === 'end' && head.why === 'moved') move('absent');
        else if (head.t === 'end') leave();
      },
      undelivered: () => move('unreached'),
      lost: () => move('unreached'),
      refused: (error) => refuse(res, error, { log: edge.log }),
    },
  );
  const begin = (): void => {
    const { session } = opening;
    if (!session || events) return;
    cancelVerdict();
    if (res.destroyed) return drop();
    events = new EventStream(res, {
      wheel: edge.wheel,
      heartbeat: edge.options.streams.heartbeat,
      taken: (seq) => (listening ? listening.taken(seq) : tell(edge, session, FIRST(session), { t: 'credit', ...word(), seq })),
    });
    edge.streams.add(events);
    events.message(Buffer.from(`${messageUrl(edge, visit)}?sessionId=${session.id}`), { event: 'endpoint' });
  };
  const leave = (): void => {
    drop();
    events?.end();
    if (!events) refuse(res, new CausewayError('cluster.owner_silent'), { log: edge.log });
  };
  const drop = (): void => {
    if (listening) return listening.leave();
    if (opening.session) tell(edge, opening.session, FIRST(opening.session), { t: 'detach', ...word() });
    opening.exchange.end();
  };
  const move = (missing: Missing): void => {
    const { session } = opening;
    if (!session || !events) return leave();
    opening.exchange.end();
    listening = new Listening(
      edge,
      session,
      {
        attached: () => undefined,
        message: (head, bytes) => events?.message(bytes, { seq: head.seq }),
        refused: () => leave(),
        ended: () => leave(),
      },
      { missing, heard: { stream: word().stream, seq: opening.exchange.heard }, endsWithOwner: true },
    );
  };
  const cancelVerdict = edge.wheel.after(VERDICT, leave);
  res.once('close', () => {
    cancelVerdict();
    if (events) edge.streams.delete(events);
    drop();
  });
  opening.ask();
}

/** Relative to the stream's own URL, unless the address was configured. */
function messageUrl(edge: EdgeContext, visit: Visit): string {
  const { baseUrl, paths } = edge.options.http;
  const own = visit.base === '' ? paths.message : undefined;
  if (baseUrl === undefined) return own ?? 'message';
  return baseUrl.replace(/\/$/, '') + (own ?? `${visit.base}/message`);
}

export async function message(edge: EdgeContext, visit: Visit, req: IncomingMessage, res: ServerResponse, body: Buffer): Promise<void> {
  let id: string | undefined;
  try {
    const read = readClientBody(body);
    if (read.kind === 'batch') throw new CausewayError('request.invalid', { message: 'Batches exist in revision 2025-03-26 only.' });
    const { frame } = read;
    if (frame.kind === 'request' && frame.id) id = Buffer.from(slice(frame.bytes, frame.id)).toString();
    if (frame.kind === 'request') requireOpen(edge);
    const query = new URL(req.url ?? '/', 'http://localhost').searchParams;
    const named = query.get('sessionId') ?? query.get('session_id');
    if (named === null || named === '')
      throw new CausewayError('request.session_missing', { message: 'Bad Request: the sessionId parameter is required.' });
    const session = findSession(edge, named, visit, 'sse');
    await notify(edge, session, { frames: [{ ...frame, bytes: oneLine(frame.bytes) }], batch: false });
    res.writeHead(202, { 'content-type': 'text/plain', 'content-length': 8, 'cache-control': 'no-store' }).end('Accepted');
  } catch (error) {
    const told = asRefusal(error);
    refuse(res, told.error, { log: edge.log, id: told.id ?? id });
  }
}
