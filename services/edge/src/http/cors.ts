/**
 * Owns cross-origin access, off by default: which origins a browser may call us from, and what of our
 * headers it may read. Origins that are not allowed were refused before, by the guard.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpConfig } from '@causeway/config';
import { isParamHeader } from '@causeway/protocol';

export interface Cors {
  /** Adds what the browser needs; `true` if the request was a preflight and is answered. */
  answer(req: IncomingMessage, res: ServerResponse): boolean;
}

const EXPOSED = 'Mcp-Session-Id, Mcp-Protocol-Version, WWW-Authenticate, Retry-After';
const ALLOWED = [
  'Content-Type',
  'Authorization',
  'Accept',
  'Last-Event-ID',
  'X-API-Key',
  'Mcp-Session-Id',
  'Mcp-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
];

export function createCors(cors: HttpConfig['cors']): Cors {
  if (cors === false) return { answer: () => false };
  return {
    answer(req, res) {
      const { origin } = req.headers;
      if (origin === undefined) return false;
      res.setHeader('access-control-allow-origin', origin);
      res.setHeader('access-control-expose-headers', EXPOSED);
      res.setHeader('vary', 'Origin');
      const asked = req.headers['access-control-request-method'];
      if (req.method !== 'OPTIONS' || asked === undefined) return false;
      const wanted = (req.headers['access-control-request-headers'] ?? '').split(',').map((name) => name.trim());
      const parameters = wanted.filter(isParamHeader);
      res.writeHead(204, {
        'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
        'access-control-allow-headers': [...ALLOWED, ...cors.headers, ...parameters].join(', '),
        'access-control-max-age': '600',
      });
      res.end();
      return true;
    },
  };
}
