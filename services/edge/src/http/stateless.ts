/**
 * Owns requests of the stateless era (2026-07-28) over HTTP: one POST, one answer, which is JSON or a stream that lives as
 * long as the request. Their headers and their metadata were checked before (protocol/classify.ts).
 * Sources: 2026-07-28 basic/transports/streamable-http, basic/patterns/{mrtr,subscriptions}.
 *
 * Invariants: what this era does not know is refused without asking a server; events have no ids and nothing is resumed;
 * a client that closes its stream cancels; `server/discover` is never refused with a status that makes a client take this
 * bridge for an old one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DownHead } from '@causeway/cluster';
import {
  answerTo,
  asCausewayError,
  CausewayError,
  ERRORS,
  openState,
  PARAM_HEADER,
  rawId,
  SUBSCRIPTION_ID_KEY,
  textOf,
  type ModernMessage,
  type RequestState,
} from '@causeway/protocol';
import type { EdgeContext, OpenStream } from '../context.ts';
import { labelOf } from '../label.ts';
import { StatelessCall, type StatelessListener, type StatelessOrder } from '../session/stateless-call.ts';
import { PostReply, type Posted } from './post-reply.ts';
import { whileVouched, type Visit } from './visit.ts';

/** Methods of the eras with sessions. */
const REMOVED: ReadonlySet<string> = new Set(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']);
/** Of any revision, and of the extension: not carried. */
const TASKS = 'tasks/';

/** Answers a message of the stateless era. Throws CausewayError for what is refused at once. */
export function serveStateless(edge: EdgeContext, visit: Visit, req: IncomingMessage, res: ServerResponse, message: ModernMessage): void {
  const { frame } = message;
  if (frame.kind === 'notification') {
    res.writeHead(202, { 'content-length': 0, 'cache-control': 'no-store' }).end();
    return;
  }
  const id = rawId(frame);
  const { method = '' } = frame;
  if (REMOVED.has(method) || method.startsWith(TASKS)) throw new CausewayError('request.method_unknown');
  if (method === 'server/discover') return void discover(edge, visit, res, id);
  const order = orderOf(edge, visit, req, message);
  const post = new StatelessPost(edge, res, id, order);
  if (order.deadline === undefined) untilLeave(edge, visit, res, post);
  post.begin();
}

function orderOf(edge: EdgeContext, visit: Visit, req: IncomingMessage, message: ModernMessage): StatelessOrder {
  const { frame, meta, name, params } = message;
  const { server, identity, share } = visit;
  const headers = paramHeaders(req);
  const state = stateOf(edge, visit, message);
  const lasts = frame.method === 'subscriptions/listen';
  return {
    ...{ server, identity, frame, params: params.span, meta: meta.span },
    ...(share === undefined ? {} : { share }),
    ...(name === undefined ? {} : { name }),
    ...(headers === undefined ? {} : { headers }),
    ...(state === undefined ? {} : { state }),
    ...(lasts ? {} : { deadline: edge.servers.deadline(server, 'start') + edge.servers.deadline(server, 'request') }),
  };
}

/** Values of the headers that repeat arguments, by the rest of their names. */
function paramHeaders({ headers }: IncomingMessage): Record<string, string> | undefined {
  let found: [string, string][] | undefined;
  for (const header in headers)
    if (header.startsWith(PARAM_HEADER)) (found ??= []).push([header.slice(PARAM_HEADER.length), String(headers[header])]);
  return found && Object.fromEntries(found);
}

/** Where an earlier round of the call stands. Throws `request.state`. */
function stateOf(edge: EdgeContext, { server, identity }: Visit, { frame, params, name }: ModernMessage): RequestState | undefined {
  if (!params.of.has('requestState')) return undefined;
  const text = textOf(frame.bytes, params, 'requestState');
  const audience = { identity, server, method: frame.method ?? '', name: name ?? '' };
  const state = text === undefined ? undefined : openState(edge.key, text, audience, edge.clock.now());
  if (!state) throw new CausewayError('request.state');
  return state;
}

/** A request of this era and its answer: what the call tells, and what the reply asks. */
class StatelessPost implements StatelessListener, Posted {
  readonly requests = 1;
  readonly resumable = false;
  readonly stream: string;
  readonly server: string;
  readonly #id: string;
  readonly #method: string | undefined;
  readonly #label: string | undefined;
  readonly #call: StatelessCall;
  readonly #reply: PostReply;

  constructor(edge: EdgeContext, res: ServerResponse, id: string, order: StatelessOrder) {
    this.#id = id;
    this.server = order.server;
    this.#method = order.deadline === undefined ? undefined : order.frame.method;
    this.#label = labelOf(edge, order.frame);
    this.#call = new StatelessCall(edge, order, this);
    this.stream = this.#call.stream;
    this.#reply = new PostReply(edge, res, this);
  }

  begin(): void {
    this.#call.ask();
  }

  idOf(): string {
    return this.#id;
  }

  methodOf(): string | undefined {
    return this.#method;
  }

  labelOf(): string | undefined {
    return this.#label;
  }

  message(head: Extract<DownHead, { t: 'server' }>, bytes: Buffer): void {
    this.#reply.message(head, bytes);
  }

  admitted(): void {
    this.#reply.accepted();
  }

  failed(error: CausewayError): void {
    this.#reply.fail(error);
  }

  ended(): void {
    this.#reply.end('client_left');
  }

  taken(seq: number): void {
    this.#call.taken(seq);
  }

  left(): void {
    this.#call.leave();
  }

  finished(): void {
    this.#call.end();
  }

  /** A subscription ends properly when this edge leaves: its client opens another one elsewhere. */
  retire(): void {
    this.#call.leave();
    const id = this.#id;
    this.#reply.conclude(answerTo(id, `"result":{"resultType":"complete","_meta":{"${SUBSCRIPTION_ID_KEY}":${id}}}`));
  }
}

function untilLeave(edge: EdgeContext, visit: Visit, res: ServerResponse, post: StatelessPost): void {
  const open: OpenStream = { identity: visit.identity, retire: async () => post.retire() };
  edge.streams.add(open);
  const cancelVouched = whileVouched(edge, visit, () => post.retire());
  res.once('close', () => {
    cancelVouched();
    edge.streams.delete(open);
  });
}

async function discover(edge: EdgeContext, visit: Visit, res: ServerResponse, id: string): Promise<void> {
  const { server, identity, share } = visit;
  const nothing = (): void => undefined;
  const answer = { requests: 1, idOf: () => id, resumable: false, stream: '', server, methodOf: () => 'server/discover' };
  const reply = new PostReply(edge, res, { ...answer, accepted: true, left: nothing, finished: nothing });
  try {
    const result = await edge.descriptions.get(edge, { server, identity, ...(share === undefined ? {} : { share }) });
    reply.message({ t: 'server', seq: 1, index: 0, last: true }, answerTo(id, `"result":${result}`));
  } catch (error) {
    const told = asCausewayError(error);
    if (told.reason === 'internal') edge.log.error({ err: error, ref: told.ref }, 'discover failed');
    if (!res.headersSent) return reply.fail(asPassing(told));
    // An error in a stream would be taken for that of an old server; a stream that breaks off is taken for none.
    reply.breakOff(told);
  }
}

/** In the words of a trouble that passes: a client that is refused for good would take this bridge for an old one. */
function asPassing(error: CausewayError): CausewayError {
  const { reason, ref } = error;
  const { http } = ERRORS[reason];
  if (http >= 500) return error;
  // Its process was there, and did not come to say what it is.
  const ofServer = http === 200 && reason.startsWith('server.');
  return new CausewayError(ofServer ? 'server.start_failed' : 'cluster.no_worker', { retryAfter: 2, ref });
}
