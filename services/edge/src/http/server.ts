/**
 * Owns the HTTP listener: Fastify's settings, the guard in front of every body, and the one place where a
 * path and a method find their code.
 *
 * Invariants: a body is read only after its head was accepted, but for the id of its request (unread.ts); every answer to a
 * request that is refused is a JSON-RPC error, but for a method that a stream of 2024-11-05 does not have; a slow or malformed
 * request ends by itself, with its connection; nothing is said of one where another is being answered; connections are bounded.
 */
import { lookup } from 'node:dns/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { CausewayError, errorResponse } from '@causeway/protocol';
import { answerProbe, boundConnections, urlOf, type Health } from '@causeway/runtime';
import fastify from 'fastify';
import type { EdgeContext, EdgeOptions } from '../context.ts';
import { Bodies } from './body.ts';
import { createCors } from './cors.ts';
import { createGuard, requireJson, type Guard } from './guard.ts';
import { message, openSse } from './legacy-sse.ts';
import { refuseHalf } from './localhost.ts';
import { closingIdle, partingResponse } from './parting.ts';
import { Queued } from './queued.ts';
import { asRefusal, noteFailure, noteRefusal, refuseFailure, type RefusalOptions } from './refusal.ts';
import { METHODS, originForm, route, type Endpoint } from './routes.ts';
import { answerServerList } from './server-list.ts';
import { get, post, remove } from './streamable.ts';
import { Unread } from './unread.ts';
import { isOfUnseen, ofSession, type Visit } from './visit.ts';

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

/** Bodies of the largest size for which there is room while they come: connections are many, and each may send one slowly. */
const UNFINISHED = 32;

/** BAR S31. */
const TIMES: Times = { head: 15_000, request: 30_000, look: 5_000, linger: 2_000 };

/** What the guard found out of a request. */
interface Admitted {
  readonly endpoint: Endpoint;
  readonly visit: Visit;
}

export interface HttpServer extends AsyncDisposable {
  /** The URL that it listens on; rejects with Node's own error. */
  listen(at: EdgeOptions['listen']): Promise<string>;
  /** The gate has closed: connections without a request are closed, those with one after its answer. */
  part(): void;
}

/** The server, not listening yet. */
export function createServer(edge: EdgeContext, health: Health, times = TIMES): HttpServer {
  const { http, auth, listen } = edge.options;
  const guard = createGuard(http, auth, listen.host);
  const cors = createCors(http.cors);
  const extraHeaders = Object.entries(http.headers);
  const { log } = edge;
  const bodies = new Bodies({ limit: http.maxBody, most: UNFINISHED * http.maxBody });
  const unread = new Unread(edge);
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
  app.setErrorHandler((error, request, reply) => {
    const { error: told } = noteFailure(error, edge);
    unread.refuse(reply.hijack().raw, told, told.reason === 'request.method' ? allowed(edge, request.raw) : {});
  });
  // Everything is answered from here: what Fastify would do with a body and a reply is not ours, and has its price.
  app.addHook('onRequest', (request, reply) => {
    const req = request.raw;
    const res = reply.raw;
    queued.watch(res);
    req.url = originForm(req.url ?? '/');
    for (const [name, value] of extraHeaders) res.setHeader(name, value);
    guard.origin(req);
    if (!cors.answer(req, res) && !answerElsewhere(edge, guard, health, req, res))
      serve({ edge, bodies, unread }, admit(edge, guard, req), req, res);
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

function pathOf(req: IncomingMessage): string {
  const url = req.url ?? '/';
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** Probes and the index: what is no MCP endpoint. Which servers there are is told to whoever may call them. Throws CausewayError. */
function answerElsewhere(edge: EdgeContext, guard: Guard, health: Health, req: IncomingMessage, res: ServerResponse): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false;
  const path = pathOf(req);
  if (answerProbe(path, health, edge.options.http.healthPaths, req, res)) return true;
  if (path !== '/') return false;
  guard.caller(req);
  answerServerList(edge.servers, res);
  return true;
}

function admit(edge: EdgeContext, guard: Guard, req: IncomingMessage): Admitted {
  const caller = guard.caller(req);
  const found = ofSession(edge, req, caller.identity, route(pathOf(req), edge.servers, edge.options.http.paths));
  if (found.kind === 'none') throw new CausewayError('request.path');
  if (found.kind === 'unknown-server') {
    const [any] = edge.servers.all();
    // A client would take the 404 for the end of its session.
    if (!any || isOfUnseen(edge, req, { server: found.name, identity: caller.identity }))
      throw new CausewayError('cluster.no_worker', { retryAfter: 2 });
    if (found.name === '')
      throw new CausewayError('server.unknown', {
        message: 'No server is the default. The address of each has its name: /servers/NAME/mcp.',
      });
    const nearest = edge.servers.nearest(found.name);
    throw new CausewayError('server.unknown', nearest === undefined ? {} : { facts: { nearest } });
  }
  const { endpoint, server, base } = found;
  if (!METHODS[endpoint].includes(req.method ?? '')) throw new CausewayError('request.method');
  if (req.method === 'POST') {
    if (endpoint === 'mcp') guard.acceptBoth(req);
    requireJson(req);
  } else if (req.method === 'GET') {
    guard.acceptStream(req);
  }
  return { endpoint, visit: { server: server.name, base, identity: caller.identity, share: caller.share } };
}

/**
 * How a method is refused. Some clients POST to whatever URL they have, and look for a stream of 2024-11-05 there only if
 * they are refused as by a server of that time: a JSON-RPC error they take for the answer of a newer one.
 */
function allowed(edge: EdgeContext, req: IncomingMessage): Pick<RefusalOptions, 'allow' | 'plain'> {
  const found = route(pathOf(req), edge.servers, edge.options.http.paths);
  return found.kind === 'endpoint' ? { allow: METHODS[found.endpoint].join(', '), plain: found.endpoint === 'sse' } : { allow: 'GET' };
}

interface Serving {
  readonly edge: EdgeContext;
  readonly bodies: Bodies;
  readonly unread: Unread;
}

function serve({ edge, bodies, unread }: Serving, { endpoint, visit }: Admitted, req: IncomingMessage, res: ServerResponse): void {
  const fail = (error: unknown): void =>
    refuseFailure(res, error, edge, ({ reason }) => (reason === 'request.method' ? { allow: 'POST' } : {}));
  if (req.method === 'POST') {
    const answer = endpoint === 'message' ? message : post;
    return bodies.read(req, {
      take: (body) => answer(edge, visit, req, res, body),
      refuse: (error, beginning) => unread.refuse(res, error, { beginning }),
    });
  }
  try {
    if (endpoint === 'sse') openSse(edge, visit, res);
    else if (req.method === 'GET') get(edge, visit, req, res);
    else remove(edge, visit, req, res).catch(fail);
  } catch (error) {
    fail(error);
  }
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
