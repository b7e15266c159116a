/**
 * Owns the HTTP listener: Fastify's settings. Where a request goes says dispatch.ts, what is said of what is no HTTP broken.ts.
 *
 * Invariants: a slow or malformed request ends by itself, with its connection; nothing is said of one where another is being
 * answered; connections are bounded.
 */
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { boundConnections, urlOf, type Health } from '@causeway/runtime';
import fastify from 'fastify';
import type { Tokens } from '../access/tokens.ts';
import type { EdgeContext, EdgeOptions } from '../context.ts';
import { refuseBroken } from './broken.ts';
import { Dispatch } from './dispatch.ts';
import { otherHalf, refuseHalf } from './localhost.ts';
import { closingIdle, partingResponse } from './parting.ts';
import { Queued } from './queued.ts';
import { asRefusal } from './refusal.ts';
import { SecureServers } from './secure.ts';
import { Unread } from './unread.ts';

const MAX_HEADER_BYTES = 16 * 1024;
/** Milliseconds that an unused connection is kept: longer than the usual load balancer's. */
const KEEP_ALIVE = 75_000;
/** Milliseconds until TCP asks a silent peer: well below the heartbeat, or unacknowledged data would stop the asking. */
const TCP_KEEP_ALIVE = 1_000;

/** Milliseconds that a client may take. */
interface Times {
  /** For the head of a request, and for all of it; for the handshake of TLS as for a head. */
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
  /** These API keys count from now on; what lasts ends of clients whose key counts no more. */
  renew(apiKeys: EdgeOptions['auth']['apiKeys']): void;
  /** The gate has closed: connections without a request are closed, those with one after its answer. */
  part(): void;
}

/** The server, not listening yet. Throws a CertificateError. */
export function createServer(edge: EdgeContext, { health, tokens }: ServerDeps, times = TIMES): HttpServer {
  const { http, listen } = edge.options;
  const extraHeaders = Object.entries(http.headers);
  const { log } = edge;
  const unread = new Unread(edge);
  const dispatch = new Dispatch(edge, { health, unread, tokens });
  const queued = new Queued();
  const part = closingIdle(() => secure ?? app.server, edge.untaken);
  const broken = (error: Error, socket: Socket): void => refuseBroken(edge, { error, socket, linger: times.linger });
  const bound = (server: NetServer): void => boundConnections(server, { listener: 'mcp', most: http.maxConnections, log });
  const connections = connectionOptions(times, partingResponse(edge.gate, part));
  const secure = listen.tls && new SecureServers({ files: listen.tls, connections, broken, bound }, edge);
  const app = fastify<Server>({
    requestTimeout: connections.requestTimeout,
    keepAliveTimeout: connections.keepAliveTimeout,
    forceCloseConnections: true,
    logger: false,
    exposeHeadRoutes: false,
    // No route has a schema: what would compile one is 116 modules, and 2.4 MiB.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    ...(secure === undefined ? { http: connections } : { serverFactory: (handler) => secure.create(handler) }),
    clientErrorHandler: broken,
    frameworkErrors: (error, _request, reply) => unread.refuse(reply.hijack().raw, asRefusal(error).error),
  });
  // For `localhost` Fastify has a second listener, on the other loopback address, which is not bounded.
  if (secure === undefined) bound(app.server);
  else health.add('certificate', () => secure.state());
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
      const main = app.server.address() as AddressInfo;
      if (host === 'localhost') {
        const others = await otherHalf(app.addresses() as AddressInfo[]);
        if (secure !== undefined) await secure.listenToo(main.port, others);
        else if (port !== 0) await refuseHalf(main.port, others);
      }
      return urlOf(main, host, secure === undefined ? 'http' : 'https');
    },
    renew: (apiKeys) => dispatch.renew(apiKeys),
    part,
    async [Symbol.asyncDispose]() {
      secure?.[Symbol.dispose]();
      await app.close();
    },
  };
}

/** How a listener treats its connections, with TLS and without. */
function connectionOptions(times: Times, response: typeof ServerResponse) {
  return {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: times.head,
    requestTimeout: times.request,
    keepAliveTimeout: KEEP_ALIVE,
    connectionsCheckingInterval: times.look,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE,
    noDelay: true,
    ServerResponse: response,
  };
}

function noSchemas(): never {
  throw new TypeError('no route has a schema');
}
