/**
 * Owns the error table: the one vocabulary of reasons that HTTP answers, JSON-RPC errors, logs,
 * metrics and the CLI share. Families say who can act: `request.*` the client, `limit.*` wait,
 * `server.*` whoever owns the stdio server, `cluster.*` the operator, `internal` us.
 *
 * Invariants: an error of ours never wears a client's code; `executed` is a promise ("no" means the
 * stdio server has certainly not seen the call); `ref` is minted for a failure that is told, and whoever tells it logs it.
 * Rendering lives in edge/http, never here.
 */
import { randomBytes } from 'node:crypto';
import { answerTo } from './own-messages.ts';

/** Whether the stdio server may have run the call that failed. */
export type Executed = 'no' | 'unknown';

interface ErrorRow {
  /** HTTP status when the call was refused before it was dispatched. */
  readonly http: number;
  /** JSON-RPC error code. Ours lie outside -32768..-32000 (2026-07-28 basic/index, error codes). */
  readonly rpc: number;
  readonly executed: Executed;
  readonly retryable: boolean;
  /** Default text for people; says what to change where something can be changed. */
  readonly message: string;
}

const row = (http: number, rpc: number, executed: Executed, retryable: boolean, message: string): ErrorRow => ({
  http,
  rpc,
  executed,
  retryable,
  message,
});

/** Codes of the 2025 revisions follow the official SDK server, so that clients read them as they expect. */
export const ERRORS = {
  'request.host': row(403, -32000, 'no', false, 'Host not allowed. Add it with --allowed-hosts.'),
  'request.origin': row(403, -32000, 'no', false, 'Origin not allowed. Add it with --allowed-origins.'),
  'request.unauthorized': row(401, -32000, 'no', false, 'A valid API key or token is required.'),
  'request.scope': row(403, -32000, 'no', false, 'The token lacks a scope that is needed here.'),
  'request.method': row(405, -32000, 'no', false, 'Method not allowed.'),
  'request.path': row(404, -32000, 'no', false, 'Nothing is served here. MCP servers are at /servers/{name}/mcp.'),
  'request.accept': row(406, -32000, 'no', false, 'Not Acceptable: the Accept header does not list what this endpoint answers.'),
  'request.content_type': row(415, -32000, 'no', false, 'Unsupported Media Type: Content-Type must be application/json.'),
  'request.too_large': row(413, -32000, 'no', false, 'The request body is too large. The limit is set by --max-body.'),
  'request.header': row(400, -32000, 'no', false, 'A header that may occur once was sent several times or is malformed.'),
  'request.version': row(400, -32000, 'no', false, 'Unsupported MCP-Protocol-Version.'),
  'request.malformed': row(400, -32700, 'no', false, 'Parse error: the body is not valid JSON.'),
  'request.invalid': row(400, -32600, 'no', false, 'Invalid Request: the body is not a JSON-RPC message of this revision.'),
  'request.session_missing': row(400, -32000, 'no', false, 'Bad Request: Mcp-Session-Id header is required.'),
  'request.session_unknown': row(404, -32001, 'no', false, 'Session not found'),
  'request.event_id': row(400, -32000, 'no', false, 'Last-Event-ID is unknown in this session or no longer kept.'),
  'request.timeout': row(408, -32000, 'no', true, 'The request did not arrive in time.'),
  'request.worker_unknown': row(404, -32000, 'no', false, 'No worker of that id is known.'),
  'request.ambiguous': row(409, -32000, 'no', false, 'Several ids begin so. Give more characters.'),
  'request.header_mismatch': row(400, -32020, 'no', false, 'A header is missing, or says something else than the body.'),
  'request.envelope': row(400, -32602, 'no', false, 'Invalid params: params._meta lacks what every request of this revision carries.'),
  'request.revision': row(400, -32022, 'no', false, 'Unsupported protocol version'),
  'request.capability': row(400, -32021, 'unknown', false, 'The server asks for something that this client has not declared.'),
  'request.method_unknown': row(404, -32601, 'no', false, 'Method not found'),
  'request.state': row(200, -32602, 'no', false, 'Invalid or expired requestState'),
  'request.state_gone': row(
    200,
    -32602,
    'unknown',
    false,
    'Invalid or expired requestState: the call that it goes on with waits no longer. What its tool did until it asked is not known.',
  ),
  'request.filter': row(200, -32602, 'no', false, 'Invalid params: notifications must say what to listen to.'),
  'limit.worker': row(503, -31503, 'no', true, 'Every worker is full.'),
  'limit.total': row(503, -31503, 'no', true, 'As many sessions as this bridge may hold are open.'),
  'limit.server': row(503, -31503, 'no', true, 'As many sessions as this server may have are open.'),
  'limit.identity': row(429, -31429, 'no', true, 'As many sessions as you may have are open.'),
  'limit.calls': row(429, -31429, 'no', true, 'Too many calls of this session are in flight.'),
  'limit.parked': row(200, -31429, 'unknown', true, 'Too many calls wait for their clients.'),
  'limit.listens': row(200, -31429, 'no', true, 'Too many subscriptions are open.'),
  'server.unknown': row(404, -32000, 'no', false, 'No server of that name is configured.'),
  'server.start_failed': row(503, -31520, 'no', true, 'The MCP server could not be started.'),
  'server.start_timeout': row(504, -31521, 'no', true, 'The MCP server did not answer initialize in time.'),
  'server.crash_loop': row(503, -31522, 'no', true, 'The MCP server keeps failing to start; starts are paused.'),
  'server.busy': row(503, -31529, 'no', true, 'The MCP server does not read its input.'),
  'server.exited': row(200, -31502, 'unknown', true, 'The MCP server ended while the call was running.'),
  'server.broken': row(200, -31502, 'unknown', true, 'The MCP server broke the stdio protocol and was stopped.'),
  'server.deadline': row(200, -31504, 'unknown', true, 'The call did not finish before its deadline.'),
  'server.reply_too_large': row(200, -31413, 'unknown', false, 'The answer is larger than the configured limit.'),
  'server.reply_invalid': row(200, -31502, 'unknown', false, 'The MCP server answered with a line that is no valid JSON-RPC message.'),
  'session.ended': row(200, -31502, 'unknown', true, 'The session was ended while the call was running.'),
  'cluster.no_worker': row(503, -31503, 'no', true, 'No worker serves this server at the moment.'),
  'cluster.unavailable': row(503, -31503, 'no', true, 'The message bus, or its store, is not available.'),
  'cluster.owner_silent': row(503, -31503, 'no', true, 'The owner of this session did not answer.'),
  'cluster.owner_unheard': row(
    504,
    -31504,
    'unknown',
    true,
    'The owner of this session was sent the message and has not said what became of it.',
  ),
  'cluster.owner_lost': row(200, -31502, 'unknown', true, 'The owner of this session was lost while the call was running.'),
  'cluster.moved': row(503, -31503, 'no', true, 'The session is on its way to another owner.'),
  'cluster.issuer_unavailable': row(503, -31503, 'no', true, 'The keys of the identity provider cannot be had.'),
  'cluster.draining': row(503, -31503, 'no', true, 'This instance is shutting down.'),
  internal: row(500, -32603, 'unknown', false, 'Internal error.'),
} as const satisfies Record<string, ErrorRow>;

export type Reason = keyof typeof ERRORS;

/** Facts that may accompany an error to the client: never a path, a command, a stack or a subject. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface ErrorDetail {
  /** Replaces the table's text. */
  readonly message?: string;
  readonly facts?: ErrorFacts;
  /** Seconds for `Retry-After`. */
  readonly retryAfter?: number;
  readonly cause?: unknown;
  /** The one that it already has, where it came over the bus. */
  readonly ref?: string;
  /** Capabilities that the client would have to declare: `data.requiredCapabilities` (2026-07-28 schema). */
  readonly required?: Capabilities;
}

export type Capabilities = Readonly<Record<string, object>>;

/** Random bytes of a reference: enough to tell the failures in one log apart. */
const REF_BYTES = 6;

/** An expected failure. A broken invariant is an assertion instead and ends the process. */
export class CausewayError extends Error {
  readonly reason: Reason;
  readonly facts: ErrorFacts;
  readonly retryAfter: number | undefined;
  readonly required: Capabilities | undefined;
  #ref: string | undefined;

  constructor(reason: Reason, detail: ErrorDetail = {}) {
    super(detail.message ?? ERRORS[reason].message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'CausewayError';
    this.reason = reason;
    this.facts = detail.facts ?? {};
    this.retryAfter = detail.retryAfter;
    this.required = detail.required;
    this.#ref = detail.ref;
  }

  /** What a client is told and the log has too, so that a person finds the one by the other. Minted when it is first asked for. */
  get ref(): string {
    this.#ref ??= randomBytes(REF_BYTES).toString('base64url');
    return this.#ref;
  }
}

/** The error itself if it is one of ours; anything else is a defect, `internal`. */
export function asCausewayError(error: unknown): CausewayError {
  return error instanceof CausewayError ? error : new CausewayError('internal', { cause: error });
}

/** Whether a string received from the bus is one of our reasons. */
export function isReason(value: unknown): value is Reason {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}

/** The JSON-RPC `error` member for a failure: `{code, message, data: {source, reason, executed, retryable, ref, …}}`. */
export function errorObject(error: CausewayError): Record<string, unknown> {
  const { rpc, executed, retryable } = ERRORS[error.reason];
  const data = {
    ...{ source: 'causeway', reason: error.reason, executed, retryable, ref: error.ref, ...error.facts },
    ...(error.required === undefined ? {} : { requiredCapabilities: error.required }),
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
  };
  return { code: rpc, message: error.message, data };
}

/** A whole JSON-RPC error response. `id` is the request's raw JSON id; without one it is null. */
export function errorResponse(id: string | undefined, error: CausewayError): Buffer {
  return answerTo(id ?? 'null', `"error":${JSON.stringify(errorObject(error))}`);
}
