/**
 * Owns the transport of 2024-11-05: a GET that carries everything to the client, and a POST for each of
 * its messages. Source: 2024-11-05 basic/transports, HTTP with SSE.
 *
 * Invariants: the session lives exactly as long as its stream; the address for messages is announced
 * relative to the request's path, so that it survives a path prefix in front of us; at the root messages are taken for every
 * server's sessions (visit.ts), for clients that resolve it against that.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorOf, type DownHead, type Place, type ServerHead } from '@causeway/cluster';
import { CausewayError, ERRORS, rawId, readClientBody, type Identity } from '@causeway/protocol';
import type { EdgeContext, KnownSession, OpenStream } from '../context.ts';
import { labelOf } from '../label.ts';
import { abandon, notify, retire, tell } from '../session/call.ts';
import { StreamCalls } from '../session/stream-calls.ts';
import { Listening } from '../session/listen.ts';
import { SessionOpening, type OpenListener } from '../session/open.ts';
import type { Missing } from '../session/relocate.ts';
import { EventStream } from './event-stream.ts';
import { asRefusal, refuse, refuseFailure } from './refusal.ts';
import { findSession, requireOpen, sessionInAddress, whileVouched, type Visit } from './visit.ts';

/** Milliseconds until a stream must have been begun or refused. */
const VERDICT = 60_000;

/** Where a session is at first. */
const FIRST = ({ owner }: KnownSession): Place => ({ owner, epoch: 1 });

export function openSse(edge: EdgeContext, visit: Visit, res: ServerResponse): void {
  requireOpen(edge);
  const stream = new LegacyStream(edge, visit, res);
  stream.open();
}

/** One stream, from its opening to its end. */
class LegacyStream implements OpenListener, OpenStream {
  readonly #edge: EdgeContext;
  readonly #visit: Visit;
  readonly #res: ServerResponse;
  readonly #opening: SessionOpening;
  readonly #cancelVerdict: () => void;
  #events: EventStream | undefined;
  /** The stream as it goes on at another owner. */
  #listening: Listening | undefined;
  readonly #calls: StreamCalls;
  /** There is nothing to leave: it was refused, was left, or its owner has ended it. */
  #over = false;
  /** This edge leaves: the stream goes on nowhere. */
  #retiring = false;

  constructor(edge: EdgeContext, visit: Visit, res: ServerResponse) {
    this.#edge = edge;
    this.#visit = visit;
    this.#res = res;
    this.#calls = new StreamCalls(edge, visit.server, (error) => this.#events?.message(error));
    this.#opening = new SessionOpening(edge, { ...visit, transport: 'sse' }, this);
    this.#cancelVerdict = edge.wheel.after(VERDICT, () => this.#giveUp());
  }

  get identity(): Identity {
    return this.#visit.identity;
  }

  open(): void {
    const cancelVouched = whileVouched(this.#edge, this.#visit, () => this.#giveUp());
    this.#res.once('close', () => {
      cancelVouched();
      this.#calls.left();
      this.#edge.streams.delete(this);
      this.#leave();
    });
    this.#opening.ask();
  }

  receive(head: DownHead, bytes: Buffer): void {
    if (head.t === 'ok') this.#begin();
    else if (head.t === 'no') this.#end(errorOf(head));
    else if (head.t === 'server') this.#message(head, bytes);
    else if (head.t === 'pending') this.#calls.hear(head);
    else if (head.t === 'end' && head.why === 'moved') this.#move('absent');
    else if (head.t === 'end') this.#end();
  }

  undelivered(): void {
    this.#move('unreached');
  }

  lost(): void {
    this.#move('unreached');
  }

  refused(error: CausewayError): void {
    this.#end(error);
  }

  async retire(late: AbortSignal): Promise<void> {
    const { session } = this.#opening;
    if (!session || this.#over) return;
    this.#retiring = true;
    const ended = once(this.#res, 'close', { signal: late }).then(undefined, () => this.#giveUp());
    if (this.#listening) this.#listening.retire();
    else if (!(await retire(this.#edge, session, FIRST(session)))) this.#giveUp();
    await ended;
  }

  #message(head: ServerHead, bytes: Buffer): void {
    if (this.#calls.passes(head)) this.#events?.message(bytes, { seq: head.seq });
    else this.#taken(head.seq);
  }

  /** The client's socket has everything up to there. */
  #taken(seq: number): void {
    const { session, exchange } = this.#opening;
    if (this.#listening) this.#listening.taken(seq);
    else if (session) tell(this.#edge, session, FIRST(session), { t: 'credit', stream: exchange.name, to: exchange.to, seq });
  }

  #begin(): void {
    const { session } = this.#opening;
    if (!session || this.#events) return;
    this.#cancelVerdict();
    if (this.#res.destroyed) return this.#leave();
    this.#events = new EventStream(this.#res, {
      clock: this.#edge.clock,
      wheel: this.#edge.wheel,
      untaken: this.#edge.untaken,
      heartbeat: this.#edge.options.streams.heartbeat,
      taken: (seq) => this.#taken(seq),
    });
    this.#edge.streams.add(this);
    this.#events.message(Buffer.from(`${messageUrl(this.#edge, this.#visit, this.#res.req.url ?? '')}?sessionId=${session.id}`), {
      event: 'endpoint',
    });
  }

  #move(missing: Missing): void {
    const { session, exchange } = this.#opening;
    if (!session || !this.#events || this.#retiring) return this.#giveUp();
    exchange.end();
    this.#listening = new Listening(
      this.#edge,
      session,
      {
        attached: () => undefined,
        message: (head, bytes) => this.#message(head, bytes),
        pending: (head) => this.#calls.hear(head),
        refused: () => this.#end(),
        ended: () => this.#end(),
      },
      { missing, at: FIRST(session), heard: { stream: exchange.name, seq: exchange.heard }, endsWithOwner: true },
    );
  }

  /** The client has left. */
  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelVerdict();
    if (this.#listening) return this.#listening.leave();
    const { session, exchange } = this.#opening;
    exchange.end();
    if (session) abandon(this.#edge, session);
  }

  /** It did not begin in time, its owner was gone before it did, or this edge cannot wait for another. */
  #giveUp(): void {
    this.#leave();
    this.#end();
  }

  /** Nothing comes any more, and nothing is left; or it never began, and why. */
  #end(error = new CausewayError('cluster.owner_silent')): void {
    this.#over = true;
    this.#cancelVerdict();
    this.#calls.lost(this.#retiring ? 'edge' : 'owner');
    this.#opening.exchange.end();
    if (this.#events) this.#events.end();
    else refuse(this.#res, error, { teller: this.#edge });
  }
}

/** Relative to the stream's own URL, unless the address was configured: as many levels up as its path has below `base`. */
function messageUrl(edge: EdgeContext, visit: Visit, url: string): string {
  const { baseUrl, paths } = edge.options.http;
  const own = visit.base === '' ? paths.message : undefined;
  const below = url.split('?', 1)[0]!.slice(visit.base.length + 1);
  if (baseUrl === undefined) return own ?? `${'../'.repeat(below.split('/').length - 1)}message`;
  return baseUrl.replace(/\/$/, '') + (own ?? `${visit.base}/message`);
}

export function message(edge: EdgeContext, visit: Visit, req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  let id: string | undefined;
  const fail = (error: unknown): void => refuseFailure(res, error, edge, () => ({ id }));
  try {
    const read = readClientBody(body);
    if (read.kind === 'batch') throw new CausewayError('request.invalid', { message: 'Batches exist in revision 2025-03-26 only.' });
    const { frame } = read;
    if (frame.kind === 'request') {
      id = rawId(frame);
      requireOpen(edge);
    }
    const named = sessionInAddress(req);
    if (named === null || named === '')
      throw new CausewayError('request.session_missing', { message: 'Bad Request: the sessionId parameter is required.' });
    const session = findSession(edge, named, visit, 'sse');
    const begun = edge.clock.monotonic();
    const refused = (error: unknown): void => {
      const { reason } = asRefusal(error).error;
      // What may run is counted where its answer comes.
      if (frame.kind === 'request' && ERRORS[reason].executed === 'no')
        edge.durations.record(session.server, frame.method, reason, begun, labelOf(edge, frame));
      fail(error);
    };
    notify(edge, session, { frames: [frame], batch: false }).then(() => {
      res.writeHead(202, { 'content-type': 'text/plain', 'content-length': 8, 'cache-control': 'no-store' }).end('Accepted');
    }, refused);
  } catch (error) {
    fail(error);
  }
}
