/**
 * Owns the composition of an edge: its parts in the order of their dependencies, released in reverse.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Cluster } from '@causeway/cluster';
import { newEdgeId, type EdgeId } from '@causeway/protocol';
import {
  createHealth,
  createMetrics,
  createWheel,
  openDiagnostics,
  systemClock,
  type Health,
  type Log,
  type Metrics,
} from '@causeway/runtime';
import type { Tokens } from './access/tokens.ts';
import type { EdgeContext, EdgeOptions, OpenStream } from './context.ts';
import { addFigures } from './figures.ts';
import { openAdmin, type AdminDoor } from './http/admin.ts';
import { createServer } from './http/server.ts';
import { openContext } from './open-context.ts';

export interface EdgeDeps {
  readonly cluster: Cluster;
  readonly log: Log;
  /** Needed where the cluster's inbox is named after it; default a new one. */
  readonly id?: EdgeId;
  /** Where the edge says how it is, and adds its figures; default its own, which its diagnostics listener tells. */
  readonly health?: Health;
  readonly metrics?: Metrics;
}

export interface Edge extends AsyncDisposable {
  readonly id: EdgeId;
  /** Where MCP is served, e.g. `http://127.0.0.1:8000`. */
  readonly url: string;
  /** Where probes are answered besides. */
  readonly diagnosticsUrl?: string;
  /** Where operators ask, unless that is off. */
  readonly admin?: AdminDoor;
  ready(): boolean;
  /** These API keys count from now on; what lasts ends of clients whose key counts no more. A bridge that asked for keys goes on to. */
  renew(apiKeys: EdgeOptions['auth']['apiKeys']): void;
  /** Readiness turns false; nothing else changes. */
  unready(): void;
  /**
   * Begins no call any more, waits until running ones are answered, at most `deadline` milliseconds, and sends listeners away.
   * Whose call has no answer then is sent away to come back for it, or told that nothing is known of it. What is over is waited for
   * until its client has taken it.
   */
  drain(deadline: number): Promise<void>;
}

/** Starts an edge. Rejects with Node's own error when the address cannot be listened on. */
export async function openEdge(deps: EdgeDeps, options: EdgeOptions): Promise<Edge> {
  const { cluster } = deps;
  const id = deps.id ?? newEdgeId();
  const log = deps.log.child({ scope: 'edge' });
  await using stack = new AsyncDisposableStack();
  const wheel = stack.use(createWheel());
  const edge = await openContext(stack, { id, cluster, log, clock: systemClock, wheel, random: Math.random }, options);
  const { health = createHealth(), metrics = createMetrics() } = deps;
  health.add('drain', () => (edge.gate.state === 'open' ? { state: 'ok' } : { state: 'failing', note: 'shutting down' }));
  health.add('bus', () => (cluster.bus.status === 'connected' ? { state: 'ok' } : { state: 'failing', note: cluster.bus.status }));
  health.add('workers', () => (cluster.ledger.workers().size > 0 ? { state: 'ok' } : { state: 'degraded', note: 'none' }));
  addFigures(metrics, edge);
  const server = stack.use(createServer(edge, { health, tokens: await openTokens(edge) }));
  const url = await server.listen(options.listen);
  const diagnostics =
    options.diagnostics.port === false ? undefined : stack.use(await openDiagnostics({ health, log, metrics }, options.diagnostics));
  const admin = await openAdminIn(stack, edge, options.admin);
  const owned = stack.move();
  return {
    id,
    url,
    ...(diagnostics ? { diagnosticsUrl: diagnostics.url } : {}),
    ...(admin ? { admin } : {}),
    renew: (apiKeys) => server.renew(apiKeys),
    ready: () => health.ready().status === 200,
    unready: () => {
      if (edge.gate.state === 'open') edge.gate.state = 'unready';
    },
    async drain(deadline) {
      edge.gate.state = 'closed';
      server.part();
      const late = AbortSignal.timeout(deadline);
      await Promise.all([edge.exchanges.answered(late), retired(edge.streams, late)]);
      edge.exchanges.leave();
      await taken(edge.untaken, late);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Resolves when all of them have ended, or it is too late. */
async function retired(streams: Iterable<OpenStream>, late: AbortSignal): Promise<void> {
  const over = Promise.all([...streams].map((stream) => stream.retire(late)));
  await Promise.race([over, once(late, 'abort')]);
}

/** Resolves when clients have taken all that is over, or have gone, or it is too late. */
async function taken(untaken: Iterable<ServerResponse>, late: AbortSignal): Promise<void> {
  if (late.aborted) return;
  const gone = Promise.all([...untaken].map((res) => once(res, 'close')));
  await Promise.race([gone, once(late, 'abort')]);
}

async function openAdminIn(stack: AsyncDisposableStack, edge: EdgeContext, at: EdgeOptions['admin']): Promise<AdminDoor | undefined> {
  if (at === undefined || at.port === false) return undefined;
  const { url, token, cluster } = stack.use(await openAdmin(edge, { ...at, port: at.port }));
  return { url, token, cluster };
}

/** What reads tokens is loaded where there are any to read. */
async function openTokens(edge: EdgeContext): Promise<Tokens | undefined> {
  const { jwt } = edge.options.auth;
  if (!jwt) return undefined;
  const { Tokens } = await import('./access/tokens.ts');
  const tokens = new Tokens(jwt, edge);
  tokens.prepare();
  return tokens;
}
