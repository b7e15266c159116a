/**
 * Owns the composition of an edge: its parts in the order of their dependencies, released in reverse.
 */
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Cluster } from '@causeway/cluster';
import { newEdgeId, type EdgeId } from '@causeway/protocol';
import { createHealth, createWheel, systemClock, type Health, type Log } from '@causeway/runtime';
import type { FastifyInstance } from 'fastify';
import type { EdgeContext, EdgeOptions } from './context.ts';
import { answerProbe } from './http/ops.ts';
import { createServer } from './http/server.ts';
import { openServers } from './servers.ts';
import { Exchanges } from './session/exchanges.ts';
import { PendingOpens } from './session/pending-opens.ts';

export interface EdgeDeps {
  readonly cluster: Cluster;
  readonly log: Log;
  /** Needed where the cluster's inbox is named after it; default a new one. */
  readonly id?: EdgeId;
}

export interface Edge extends AsyncDisposable {
  readonly id: EdgeId;
  /** Where MCP is served, e.g. `http://127.0.0.1:8000`. */
  readonly url: string;
  /** Where probes are answered besides. */
  readonly diagnosticsUrl?: string;
  ready(): boolean;
  /** Readiness turns false; nothing else changes. */
  unready(): void;
  /** Takes no new connections, waits until running calls are answered, at most `deadline` milliseconds. */
  drain(deadline: number): Promise<void>;
}

const DEADLINE = 10 * 60_000;

/** Starts an edge. Rejects with Node's own error when the address cannot be listened on. */
export async function openEdge(deps: EdgeDeps, options: EdgeOptions): Promise<Edge> {
  const { cluster } = deps;
  const id = deps.id ?? newEdgeId();
  const log = deps.log.child({ scope: 'edge' });
  await using stack = new AsyncDisposableStack();
  const wheel = stack.use(createWheel());
  const servers = stack.use(openServers(cluster.ledger));
  const exchanges = stack.use(new Exchanges(cluster, id, wheel, log));
  await exchanges.open();
  const key = await cluster.sessions.signingKey();
  const edge: EdgeContext = {
    id,
    cluster,
    exchanges,
    servers,
    opens: new PendingOpens(),
    key,
    verified: new Map(),
    streams: new Set(),
    clock: systemClock,
    wheel,
    log,
    options,
    deadline: options.requestTimeout ?? DEADLINE,
  };
  let draining = false;
  const health = createHealth();
  health.add('drain', () => (draining ? { state: 'failing', note: 'shutting down' } : { state: 'ok' }));
  health.add('bus', () => (cluster.bus.status === 'connected' ? { state: 'ok' } : { state: 'failing', note: cluster.bus.status }));
  health.add('workers', () => (cluster.ledger.workers().size > 0 ? { state: 'ok' } : { state: 'degraded', note: 'none' }));
  const app = createServer(edge, health);
  stack.defer(() => app.close());
  const url = await listen(app, options.listen);
  const diagnostics = options.diagnostics.port === false ? undefined : stack.use(await openDiagnostics(health, options.diagnostics, log));
  const owned = stack.move();
  return {
    id,
    url,
    ...(diagnostics ? { diagnosticsUrl: diagnostics.url } : {}),
    ready: () => health.ready().status === 200,
    unready: () => void (draining = true),
    async drain(deadline) {
      draining = true;
      await exchanges.answered(AbortSignal.timeout(deadline));
      for (const stream of edge.streams) stream.retire(options.streams.retry);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function listen(app: FastifyInstance, { host, port }: EdgeOptions['listen']): Promise<string> {
  await app.listen({ host, port });
  return urlOf(app.server.address() as AddressInfo, host);
}

function urlOf(address: AddressInfo, host: string): string {
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${shown.includes(':') ? `[${shown}]` : shown}:${address.port}`;
}

/** A listener for probes alone; a taken port is exchanged for a free one. */
async function openDiagnostics(
  health: Health,
  at: EdgeOptions['diagnostics'],
  log: Log,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createHttpServer((req, res) => {
    if (answerProbe((req.url ?? '/').split('?')[0]!, health, [], req, res)) return;
    res.writeHead(404, { 'content-length': 0 }).end();
  });
  const bind = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, at.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  const wanted = at.port === false ? 0 : at.port;
  await bind(wanted).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    await bind(0);
    log.info({ wanted, port: (server.address() as AddressInfo).port }, 'diagnostics port is taken, using a free one');
  });
  server.unref();
  return {
    url: urlOf(server.address() as AddressInfo, at.host),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
