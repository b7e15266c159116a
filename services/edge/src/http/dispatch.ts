/**
 * Owns where a request goes whose head has come: past the guard and whoever vouches for its client, to a probe, the metadata, the
 * list of servers, or the code of its path and method.
 *
 * Invariants: a body is read only after its head was accepted, but for the id of its request (unread.ts); every answer to a
 * request that is refused is a JSON-RPC error, but for a method that a stream of 2024-11-05 does not have; which servers there
 * are is told to those who may call one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CausewayError } from '@causeway/protocol';
import { answerProbe, type Health } from '@causeway/runtime';
import { createCallers, type Caller, type Callers } from '../access/callers.ts';
import { createProtectedResource, type ProtectedResource } from '../access/protected-resource.ts';
import type { Tokens } from '../access/tokens.ts';
import type { EdgeContext } from '../context.ts';
import { Bodies } from './body.ts';
import { createCors, type Cors } from './cors.ts';
import { createGuard, requireJson, type Guard } from './guard.ts';
import { message, openSse } from './legacy-sse.ts';
import { noteFailure, refuseFailure, type RefusalOptions } from './refusal.ts';
import { METHODS, originForm, route, type Endpoint, type Route } from './routes.ts';
import { answerServerList } from './server-list.ts';
import { get, post, remove } from './streamable.ts';
import type { Unread } from './unread.ts';
import { isOfUnseen, ofSession, type Visit } from './visit.ts';

/** Bodies of the largest size for which there is room while they come: connections are many, and each may send one slowly. */
const UNFINISHED = 32;

/** What is known of a request once its head is accepted. */
interface Admitted {
  readonly endpoint: Endpoint;
  readonly visit: Visit;
}

export interface DispatchDeps {
  readonly health: Health;
  readonly unread: Unread;
  /** Goes with `auth.jwt`. */
  readonly tokens?: Tokens | undefined;
}

export class Dispatch {
  readonly #edge: EdgeContext;
  readonly #health: Health;
  readonly #unread: Unread;
  readonly #guard: Guard;
  readonly #cors: Cors;
  readonly #callers: Callers;
  readonly #resource: ProtectedResource;
  readonly #bodies: Bodies;

  constructor(edge: EdgeContext, { health, unread, tokens }: DispatchDeps) {
    const { http, auth, listen } = edge.options;
    this.#edge = edge;
    this.#health = health;
    this.#unread = unread;
    this.#guard = createGuard(http, listen.host);
    this.#cors = createCors(http.cors);
    this.#callers = createCallers(auth, tokens);
    const serverAt = (path: string): string | undefined => serverIn(routeOf(edge, path));
    this.#resource = createProtectedResource(http, auth, { scheme: listen.tls ? 'https' : 'http', serverAt });
    this.#bodies = new Bodies({ limit: http.maxBody, most: UNFINISHED * http.maxBody });
  }

  /** Answers the request or refuses it; in this turn, unless it has to be asked who the client is. */
  take(req: IncomingMessage, res: ServerResponse): void {
    try {
      req.url = originForm(req.url ?? '/');
      this.#guard.origin(req);
      if (this.#cors.answer(req, res) || this.#answerAnybody(req, res)) return;
      const caller = this.#callers.callerOf(req);
      if (caller instanceof Promise) this.#await(caller, req, res);
      else this.#serve(caller, req, res);
    } catch (error) {
      this.refuse(error, res);
    }
  }

  /** These API keys count from now on; what lasts ends of clients whose key counts no more. */
  renew(apiKeys: EdgeContext['options']['auth']['apiKeys']): void {
    const gone = this.#callers.renew(apiKeys);
    for (const stream of this.#edge.streams) if (gone.has(stream.identity)) void stream.retire(AbortSignal.abort());
  }

  /** Refuses a request whose body was not read. */
  refuse(error: unknown, res: ServerResponse): void {
    const { error: told } = noteFailure(error, this.#edge);
    this.#unread.refuse(res, told, this.#detail(told, res.req));
  }

  #detail(error: CausewayError, req: IncomingMessage): Pick<RefusalOptions, 'allow' | 'plain' | 'challenge'> {
    if (error.reason === 'request.method') return allowed(this.#edge, req);
    const challenged = error.reason === 'request.unauthorized' || error.reason === 'request.scope';
    return challenged ? { challenge: this.#resource.challenge(pathOf(req), req, error) } : {};
  }

  #await(asked: Promise<Caller>, req: IncomingMessage, res: ServerResponse): void {
    const known = (caller: Caller): void => {
      if (!res.destroyed) this.#serve(caller, req, res);
    };
    asked.then(known).catch((error: unknown) => this.refuse(error, res));
  }

  /** Probes and metadata: nobody is asked for more. */
  #answerAnybody(req: IncomingMessage, res: ServerResponse): boolean {
    if (!isLook(req)) return false;
    const path = pathOf(req);
    return answerProbe(path, this.#health, this.#edge.options.http.healthPaths, req, res) || this.#resource.answer(path, req, res);
  }

  #serve(caller: Caller, req: IncomingMessage, res: ServerResponse): void {
    if (isLook(req) && pathOf(req) === '/') return answerServerList(this.#edge.servers, res);
    const { endpoint, visit } = this.#admit(caller, req);
    if (req.method === 'POST') this.#read(endpoint === 'message' ? message : post, visit, req, res);
    else answerBodiless(this.#edge, endpoint, visit, req, res);
  }

  #admit(caller: Caller, req: IncomingMessage): Admitted {
    const { identity, share, until } = caller;
    const found = ofSession(this.#edge, req, identity, routeOf(this.#edge, pathOf(req)));
    if (found.kind === 'none') throw new CausewayError('request.path');
    if (found.kind === 'unknown-server') throw unknownServer(this.#edge, req, { server: found.name, identity });
    const { endpoint, server, base } = found;
    this.#callers.requireScopes(caller, server.name);
    if (!METHODS[endpoint].includes(req.method ?? '')) throw new CausewayError('request.method');
    if (req.method === 'POST') {
      if (endpoint === 'mcp') this.#guard.acceptBoth(req);
      requireJson(req);
    } else if (req.method === 'GET') {
      this.#guard.acceptStream(req);
    }
    return { endpoint, visit: { server: server.name, base, identity, share, until } };
  }

  #read(answer: typeof post, visit: Visit, req: IncomingMessage, res: ServerResponse): void {
    this.#bodies.read(req, {
      take: (body) => answer(this.#edge, visit, req, res, body),
      refuse: (error, beginning) => this.#unread.refuse(res, error, { beginning }),
    });
  }
}

function answerBodiless(edge: EdgeContext, endpoint: Endpoint, visit: Visit, req: IncomingMessage, res: ServerResponse): void {
  const fail = (error: unknown): void =>
    refuseFailure(res, error, edge, ({ reason }) => (reason === 'request.method' ? { allow: 'POST' } : {}));
  try {
    if (endpoint === 'sse') openSse(edge, visit, res);
    else if (req.method === 'GET') get(edge, visit, req, res);
    else remove(edge, visit, req, res).catch(fail);
  } catch (error) {
    fail(error);
  }
}

function unknownServer(edge: EdgeContext, req: IncomingMessage, named: Pick<Visit, 'server' | 'identity'>): CausewayError {
  const [any] = edge.servers.all();
  // A client would take the 404 for the end of its session.
  if (!any || isOfUnseen(edge, req, named)) return new CausewayError('cluster.no_worker', { retryAfter: 2 });
  if (named.server === '')
    return new CausewayError('server.unknown', {
      message: 'No server is the default. The address of each has its name: /servers/NAME/mcp.',
    });
  const nearest = edge.servers.nearest(named.server);
  return new CausewayError('server.unknown', nearest === undefined ? {} : { facts: { nearest } });
}

/**
 * How a method is refused. Some clients POST to whatever URL they have, and look for a stream of 2024-11-05 there only if
 * they are refused as by a server of that time: a JSON-RPC error they take for the answer of a newer one.
 */
function allowed(edge: EdgeContext, req: IncomingMessage): Pick<RefusalOptions, 'allow' | 'plain'> {
  const found = routeOf(edge, pathOf(req));
  return found.kind === 'endpoint' ? { allow: METHODS[found.endpoint].join(', '), plain: found.endpoint === 'sse' } : { allow: 'GET' };
}

function routeOf({ servers, options }: EdgeContext, path: string): Route {
  return route(path, servers, options.http.paths);
}

function serverIn(found: Route): string | undefined {
  if (found.kind === 'none') return undefined;
  return found.kind === 'endpoint' ? found.server.name : found.name;
}

function isLook({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD';
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}
