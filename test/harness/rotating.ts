/**
 * Owns the absence of stickiness: each request of a client goes to the next edge, either by a `fetch` that
 * rewrites the origin, or by an HTTP front for clients that bring their own. Streams bytes both ways, adds
 * nothing, hides nothing.
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Trace {
  readonly method: string;
  /** Index of the edge that got the request. */
  readonly edge: number;
  readonly status: number;
}

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface Rotation {
  readonly fetch: Fetch;
  readonly trace: readonly Trace[];
}

/**
 * A `fetch` over the origins in `bases`. `choose` picks the edge of each request from the HTTP method and the
 * number of requests so far; by default the next one in turn.
 */
export function rotate(bases: readonly string[], choose: (method: string, count: number) => number = (_method, count) => count): Rotation {
  const trace: Trace[] = [];
  let count = 0;
  return {
    trace,
    async fetch(url, init) {
      const method = init?.method ?? 'GET';
      const edge = choose(method, count++) % bases.length;
      const given = new URL(url);
      const response = await fetch(new URL(given.pathname + given.search, bases[edge]), init);
      trace.push({ method, edge, status: response.status });
      return response;
    },
  };
}

export interface Front extends AsyncDisposable {
  readonly base: string;
  /** Requests so far, by edge. */
  readonly counts: readonly number[];
}

/** An HTTP server that passes each request to the next of `bases`, as a balancer without stickiness does. */
export async function openFront(bases: readonly string[]): Promise<Front> {
  const counts = bases.map(() => 0);
  let next = 0;
  const server = createServer((request, response) => {
    const edge = next++ % bases.length;
    counts[edge]!++;
    pass(new URL(bases[edge]!), request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function pass(target: URL, request: IncomingMessage, response: ServerResponse): void {
  const upstream = httpRequest({
    host: target.hostname,
    port: target.port,
    method: request.method,
    path: request.url,
    headers: request.headers,
    agent: false,
  });
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
    answer.on('error', () => response.destroy());
  });
  upstream.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
}
