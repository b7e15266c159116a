/**
 * Owns what a client is told of where to get a token: the metadata of the protected resource, and the challenge of a refusal.
 * Sources: RFC 9728 §3 and §5.1, RFC 6750 §3, MCP basic/authorization (2025-06-18 and later).
 *
 * Invariant: what is told names the provider, the scopes and the resource that was asked for, whether it exists or not.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuthConfig, HttpConfig } from '@causeway/config';
import type { CausewayError } from '@causeway/protocol';
import { bearerOf, scopesOf } from './callers.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
/** Of a client's path only what may stand in a URL, and between quotes, is said again. */
const PATH = /^(?:\/[\w.~%!$&'()*+,;=:@-]+)*$/;

/** What a client that is not let in finds in `WWW-Authenticate`, and where it looks then. */
export interface ProtectedResource {
  /** Answers a GET of the metadata; `false` if the path is none of them. */
  answer(path: string, req: IncomingMessage, res: ServerResponse): boolean;
  /** The value of `WWW-Authenticate`. */
  challenge(path: string, req: IncomingMessage, error: CausewayError): string;
}

export interface ResourceDeps {
  /** What the listener speaks; where something else stands in front, `http.baseUrl` says so. */
  readonly scheme: 'http' | 'https';
  /** Name of the server to which a path leads, whether it exists or not. */
  readonly serverAt: (path: string) => string | undefined;
}

export function createProtectedResource(
  { baseUrl }: HttpConfig,
  { jwt }: AuthConfig,
  { scheme, serverAt }: ResourceDeps,
): ProtectedResource {
  if (!jwt) return { answer: () => false, challenge: () => 'Bearer realm="causeway"' };
  const base = ({ headers: { host = '' } }: IncomingMessage): string => baseUrl?.replace(/\/$/, '') ?? `${scheme}://${host}`;
  return {
    answer(path, req, res) {
      const of = path.slice(WELL_KNOWN.length);
      if (!path.startsWith(WELL_KNOWN) || !PATH.test(of)) return false;
      const scopes = scopesOf(jwt, serverAt(of));
      const body = JSON.stringify({
        resource: base(req) + of,
        authorization_servers: [jwt.issuer],
        bearer_methods_supported: ['header'],
        ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
        resource_name: 'Causeway',
      });
      res.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'cache-control': 'no-store',
      });
      res.end(req.method === 'HEAD' ? undefined : body);
      return true;
    },
    challenge(path, req, { reason, message, facts }) {
      const of = PATH.test(path) ? path : '';
      const { scope: lacking } = facts;
      const scope = typeof lacking === 'string' ? lacking : scopesOf(jwt, serverAt(of)).join(' ');
      const error = reason === 'request.scope' ? 'insufficient_scope' : bearerOf(req) === undefined ? undefined : 'invalid_token';
      const parameters = {
        realm: 'causeway',
        ...(error === undefined ? {} : { error, error_description: message.replaceAll(/["\\]/g, "'") }),
        resource_metadata: base(req) + WELL_KNOWN + of,
        ...(scope === '' ? {} : { scope }),
      };
      return `Bearer ${Object.entries(parameters)
        .map(([name, value]) => `${name}="${value}"`)
        .join(', ')}`;
    },
  };
}
