/**
 * Owns the HTTP listener: Fastify's settings, and what is said of what is no HTTP. Where a request goes says dispatch.ts.
 *
 * Invariants: a slow or malformed request ends by itself, with its connection; nothing is said of one where another is being
 * answered; connections are bounded.
 */
import { lookup } from 'node:dns/promises';
import type { ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { CausewayError, errorResponse } from '@causeway/protocol';
import { boundConnections, urlOf, type Health } from '@causeway/runtime';
import fastify from 'fastify';
import type { EdgeContext, EdgeOptions } from '../context.ts';
import { Dispatch } from './dispatch.ts';
import { refuseHalf } from './localhost.ts';
import { closingIdle, partingResponse } from './parting.ts';
import { Queued } from './queued.ts';
import { asRefusal, noteRefusal } from './refusal.ts';
import type { Tokens } from './tokens.ts';
import { Unread } from './unread.ts';

const MAX_HEADER_BYTES = 16 * 1024;
/** Milliseconds that an unused connection is kept: longer than the usual load balancer's. */
const KEEP_ALIVE = 75_000;
/** Milliseconds until TCP asks a silent peer: well below the heartbeat, or unacknowledged data would stop the asking. */
const TCP_KEEP_ALIVE = 1_000;

/** Milliseconds that a client may take. */
interface Times {
  /** For the head of a request, and for all of it. */
  readonly head: number;
  readonly request: number;
  /** Between two looks at who is late: Node's own 30 s would be longer than both. */
  readonly look: number;
  /** To close its end, once it was told. */
  readonly linger: number;
}

/** BAR S31. */
const TIMES: Times = { head: 15_000, request: 30_000, look: 5_000, linger: 2_000 };

export interface ServerDeps {
  readonly health: Health;
  /** Goes with `auth.jwt`. */
  readonly tokens?: Tokens | undefined;
}

export interface HttpServer extends AsyncDisposable {
  /** The URL that it listens on; rejects with Node's own error. */
  listen(at: EdgeOptions['listen']): Promise<string>;
  /** The gate has closed: connections without a request are closed, those with one after its answer. */
  part(): void;
}

/** The server, not listening yet. */
export function createServer(edge: EdgeContext, { health, tokens }: ServerDeps, times = TIMES): HttpServer {
  const { http } = edge.options;
  const extraHeaders = Object.entries(http.headers);
  const { log } = edge;
  const unread = new Unread(edge);
  const dispatch = new Dispatch(edge, { health, unread, tokens });
  const queued = new Queued();
  const part = closingIdle(() => app.server);
  const app = fastify({
    requestTimeout: times.request,
    keepAliveTimeout: KEEP_ALIVE,
    forceCloseConnections: true,
    logger: false,
    exposeHeadRoutes: false,
    // No route has a schema: what would compile one is 116 modules, and 2.4 MiB.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: times.head,
      connectionsCheckingInterval: times.look,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE,
      noDelay: true,
      ServerResponse: partingResponse(edge.gate, part),
    },
    clientErrorHandler: (error, socket) => refuseBroken(edge, error, socket, times.linger),
    frameworkErrors: (error, _request, reply) => unread.refuse(reply.hijack().raw, asRefusal(error).error),
  });
  // For `localhost` Fastify has a second listener, on the other loopback address, which is not bounded.
  boundConnections(app.server, { listener: 'mcp', most: http.maxConnections, log });
  app.setErrorHandler((error, _request, reply) => dispatch.refuse(error, reply.hijack().raw));
  // Everything is answered from here: what Fastify would do with a body and a reply is not ours, and has its price.
  app.addHook('onRequest', (request, reply) => {
    const res = reply.raw;
    queued.watch(res);
    for (const [name, value] of extraHeaders) res.setHeader(name, value);
    dispatch.take(request.raw, res);
    reply.hijack();
  });
  app.route({ method: ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS'], url: '*', handler: () => undefined });
  return {
    async listen({ host, port }) {
      await app.listen({ host, port });
      if (host === 'localhost' && port !== 0) await refuseHalf(app.addresses() as AddressInfo[], await addressesOf(host));
      return urlOf(app.server.address() as AddressInfo, host);
    },
    part,
    [Symbol.asyncDispose]: () => app.close(),
  };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function noSchemas(): never {
  throw new TypeError('no route has a schema');
}

/** What is no HTTP, or too slow to be any. Behind a request that is being answered it is told nothing: it would be taken for that answer, or be in it. */
function refuseBroken(edge: EdgeContext, error: Error & { code?: string }, socket: Socket, linger: number): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  if (isAnswering(socket)) socket.end();
  else tellBroken(edge, error, socket);
  // Closed at once it might be reset, and the client would not see why.
  const cancel = edge.wheel.after(linger, () => socket.destroy());
  socket.once('close', cancel);
}

/** What Node tells its own refusals by: the response whose turn it is. */
interface Answering {
  readonly _httpMessage?: ServerResponse | null;
}

/** Whether somebody waits for an answer whose request came whole, or has a part of one. */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: res } = socket as Answering;
  return res ? res.req.complete || res.headersSent : false;
}

function tellBroken(edge: EdgeContext, error: Error & { code?: string }, socket: Socket): void {
  const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const large = error.code === 'HPE_HEADER_OVERFLOW';
  const status = slow ? '408 Request Timeout' : large ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const told = new CausewayError(slow ? 'request.timeout' : 'request.header', { message: status.slice(4) });
  const body = errorResponse(undefined, told).toString();
  noteRefusal(edge, told, socket);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
