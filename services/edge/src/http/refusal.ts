/**
 * Owns how a failure looks over HTTP: a JSON-RPC error body with `data.reason`, or plain text where no client speaks JSON-RPC,
 * the status of the error table, and the headers that go with it. Never HTML, a stack, a path or a command.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { CausewayError, ERRORS, errorResponse, FrameFault } from '@causeway/protocol';
import type { EdgeContext } from '../context.ts';

/** What knows of every failure that a client is told; the admin API's are not counted. */
export type Teller = Pick<EdgeContext, 'log'> & Partial<Pick<EdgeContext, 'told'>>;

export interface RefusalOptions {
  /** Its log has the reference that the client is told. */
  readonly teller: Teller;
  /** Raw JSON id of the request that is refused. */
  readonly id?: string | undefined;
  /** In place of the JSON-RPC error. */
  readonly body?: Buffer;
  /** The error's text alone: a JSON-RPC error would say what this endpoint is not. Default false. */
  readonly plain?: boolean;
  /** For 405. */
  readonly allow?: string;
  /** `WWW-Authenticate`, for 401 and 403; what a 401 has anyway says no more than that a token is needed. */
  readonly challenge?: string;
}

const CHALLENGE = 'Bearer realm="causeway"';

/** Milliseconds without a byte after which a client is believed to have stopped sending a body that was refused. */
const LINGER = 1_000;

/** Answers with the error and ends the response; does nothing if it has begun already. */
export function refuse(res: ServerResponse, error: CausewayError, options: RefusalOptions): void {
  if (res.headersSent || res.destroyed) return;
  noteRefusal(options.teller, error, res.req.socket);
  const plain = options.plain === true;
  const body = options.body ?? (plain ? Buffer.from(error.message) : errorResponse(options.id, error));
  const { http } = ERRORS[error.reason];
  const challenge = options.challenge ?? (http === 401 ? CHALLENGE : undefined);
  // Waiters that come back together would be refused together: the seconds are spread a little.
  const retryAfter = error.retryAfter ?? (http === 503 || http === 429 ? 1 + Math.floor(Math.random() * 3) : undefined);
  res.writeHead(http, {
    'content-type': plain ? 'text/plain' : 'application/json',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfter))) }),
    ...(options.allow === undefined ? {} : { allow: options.allow }),
    ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
    ...(http === 408 ? { connection: 'close' } : {}),
  });
  if (res.req.complete || http === 408) res.end(body);
  else endAfterBody(res, body);
}

/** Every failure that a client is told by this edge is counted, and stands in the log once, with the address that it came from. */
export function noteRefusal({ log, told }: Teller, { ref, reason }: CausewayError, socket: Pick<Socket, 'remoteAddress'>): void {
  told?.count(reason);
  log.info({ ref, reason, from: socket.remoteAddress }, 'request refused');
}

/**
 * The answer goes out at once, but the connection stays until the rest of the refused body was read, unlooked at:
 * a connection that is closed with unread bytes is reset, and a client that still sends would not see the answer.
 * Node's own limit on the whole request bounds it.
 */
function endAfterBody(res: ServerResponse, answer: Buffer): void {
  const end = (): void => {
    clearTimeout(timer);
    res.end();
  };
  const timer = setTimeout(end, LINGER);
  res.write(answer);
  res.req.on('data', () => timer.refresh());
  res.req.once('end', end).once('close', end);
  res.req.resume();
}

/** Refuses a request that has failed, however; what is unexpected stands in the log as such. `how`: what goes with the error. */
export function refuseFailure(
  res: ServerResponse,
  failure: unknown,
  teller: Teller,
  how?: (error: CausewayError) => Omit<RefusalOptions, 'teller'>,
): void {
  const { error, id } = noteFailure(failure, teller);
  const options = how?.(error);
  refuse(res, error, { teller, ...options, id: id ?? options?.id });
}

/** The same as `asRefusal`; what is unexpected stands in the log. */
export function noteFailure(failure: unknown, { log }: Teller): ReturnType<typeof asRefusal> {
  const told = asRefusal(failure);
  const { reason, ref } = told.error;
  if (reason === 'internal') log.error({ err: failure, ref }, 'request failed');
  return told;
}

/** Any failure as an error of the table; what is unexpected stays inside. */
export function asRefusal(error: unknown): { readonly error: CausewayError; readonly id?: string | undefined } {
  if (error instanceof CausewayError) return { error };
  if (error instanceof FrameFault) {
    const reason = error.kind === 'malformed' ? 'request.malformed' : 'request.invalid';
    return { error: new CausewayError(reason, { message: `${ERRORS[reason].message.split(':')[0]}: ${error.message}` }), id: error.id };
  }
  if ((error as { code?: unknown } | undefined)?.code === 'FST_ERR_BAD_URL')
    return { error: new CausewayError('request.header', { message: 'The request is malformed.' }) };
  return { error: new CausewayError('internal', { cause: error }) };
}
