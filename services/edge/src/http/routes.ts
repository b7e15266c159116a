/**
 * Owns the layout of URLs (DECISIONS 4): which server and which of its endpoints a path names. Pure.
 * `/servers/{name}/mcp|sse|message`, a server's own path in place of `/servers/{name}`, and the root
 * aliases of the default server, of which `/message` takes what is posted to any server's session (visit.ts). `/messages` is
 * understood as `/message`.
 * Invariant: `/servers/{name}` is the server of that name, whatever else is configured.
 */
import type { HttpPaths } from '@causeway/config';
import type { OfferedServer, Servers } from '../servers.ts';

export type Endpoint = 'mcp' | 'sse' | 'message';

export type Route =
  | { readonly kind: 'endpoint'; readonly endpoint: Endpoint; readonly server: OfferedServer; readonly base: string }
  /** An endpoint of a server that is not offered, or of a default that there is not: its name is empty. */
  | { readonly kind: 'unknown-server'; readonly endpoint: Endpoint; readonly name: string }
  | { readonly kind: 'none' };

const ENDPOINTS: Readonly<Record<string, Endpoint>> = { mcp: 'mcp', sse: 'sse', message: 'message', messages: 'message' };

const NAMES = ['mcp', 'sse', 'message'] as const;

/** What every endpoint answers to. */
export const METHODS: Readonly<Record<Endpoint, readonly string[]>> = {
  mcp: ['GET', 'POST', 'DELETE'],
  sse: ['GET'],
  message: ['POST'],
};

/** `path` is the URL's path, not decoded: names need no escaping. */
export function route(path: string, servers: Servers, paths: HttpPaths): Route {
  const clean = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  const cut = clean.lastIndexOf('/');
  const word = clean.slice(cut + 1);
  const endpoint = Object.hasOwn(ENDPOINTS, word) ? ENDPOINTS[word] : undefined;
  const base = clean.slice(0, cut);
  // Names before paths: the files of other workers may say of paths what they like.
  const named = endpoint === undefined ? null : /^\/servers\/([^/]+)$/.exec(base);
  if (endpoint !== undefined && named !== null) {
    const server = servers.get(named[1]!);
    return server ? { kind: 'endpoint', endpoint, server, base } : { kind: 'unknown-server', endpoint, name: named[1]! };
  }
  for (const further of NAMES) if (paths[further] === clean) return atRoot(further, servers);
  if (endpoint === undefined) return { kind: 'none' };
  if (base === '') return atRoot(endpoint, servers);
  const server = servers.atPath(base);
  return server ? { kind: 'endpoint', endpoint, server, base } : { kind: 'none' };
}

function atRoot(endpoint: Endpoint, servers: Servers): Route {
  const server = servers.default();
  return server ? { kind: 'endpoint', endpoint, server, base: '' } : { kind: 'unknown-server', endpoint, name: '' };
}

/** Whether it leads to the default server because the path has no server's name. */
export function namesNone(found: Route): boolean {
  return found.kind === 'endpoint' ? found.base === '' : found.kind === 'unknown-server' && found.name === '';
}

/** What comes before the path where a request's target is a whole URL. */
const AUTHORITY = /^https?:\/\/[^/?#]*/i;

/** The path and the query of a request's target; some clients write the whole URL, as if to a proxy, which is to be taken (RFC 9112 §3.2.2). */
export function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const rest = target.replace(AUTHORITY, '');
  return rest.startsWith('/') || rest === target ? rest : `/${rest}`;
}
