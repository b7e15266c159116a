/**
 * Owns the listener for operators, on an address of its own: who may ask, and the form of answers and refusals.
 *
 * Invariants: nothing is answered without the token, compared in constant time; Host and Origin are checked as on the
 * main listener, and no page of another origin is let in; bodies are not read.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AdminConfig } from '@causeway/config';
import { CausewayError, ERRORS } from '@causeway/protocol';
import { bindOrFree, boundConnections, createServer, OTHER_LISTENERS } from '@causeway/runtime';
import { allowedMethods, answerAdmin } from '../admin/api.ts';
import { clusterId } from '../admin/cluster.ts';
import type { EdgeContext } from '../context.ts';
import { createGuard, type Guard } from './guard.ts';
import { refuseFailure } from './refusal.ts';

/** Where operators ask, and what they must show. */
export interface AdminDoor {
  /** e.g. `http://127.0.0.1:8001`; the API is below `/api/v1`. */
  readonly url: string;
  readonly token: string;
  /** The same at every edge of one cluster. */
  readonly cluster: string;
}

const MAX_CONNECTIONS = 256;
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Listens; a taken port is exchanged for a free one, an absent token for a new one. */
export async function openAdmin(edge: EdgeContext, at: AdminConfig & { readonly port: number }): Promise<AsyncDisposable & AdminDoor> {
  const guard = createGuard({ ...edge.options.http, cors: false }, at.host);
  const token = at.token ?? randomBytes(32).toString('base64url');
  const digest = sha256(token);
  const server = createServer(OTHER_LISTENERS, (req, res) => void handle(edge, { guard, digest }, req, res));
  boundConnections(server, { listener: 'admin', most: MAX_CONNECTIONS, log: edge.log });
  const url = await bindOrFree(server, {
    host: at.host,
    port: at.port,
    exchanged: (port) => edge.log.info({ wanted: at.port, port }, 'admin port is taken, using a free one'),
  });
  return {
    url,
    token,
    cluster: clusterId(edge.key),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Admission {
  readonly guard: Guard;
  /** Of the token. */
  readonly digest: Buffer;
}

async function handle(edge: EdgeContext, admission: Admission, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const [path = '/', query = ''] = (req.url ?? '/').split('?');
  try {
    admission.guard.origin(req);
    requireToken(admission.digest, req);
    const body = Buffer.from(
      `${JSON.stringify(await answerAdmin(edge, { method: req.method ?? '', path, query: new URLSearchParams(query) }))}\n`,
    );
    req.resume();
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length, 'cache-control': 'no-store' }).end(body);
  } catch (error) {
    refuseFailure(res, error, { log: edge.log }, (told) => ({
      body: bodyOf(told),
      ...(told.reason === 'request.method' ? { allow: allowedMethods(path) } : {}),
    }));
  }
}

function requireToken(digest: Buffer, { headers }: IncomingMessage): void {
  const given = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
  if (timingSafeEqual(digest, sha256(given))) return;
  throw new CausewayError('request.unauthorized', { message: 'The admin token is required: Authorization: Bearer TOKEN.' });
}

/** `{error: {reason, message, retryable, ref, …facts}}`: the words of the table, without JSON-RPC around them. */
function bodyOf({ reason, message, ref, facts }: CausewayError): Buffer {
  return Buffer.from(`${JSON.stringify({ error: { reason, message, retryable: ERRORS[reason].retryable, ref, ...facts } })}\n`);
}
