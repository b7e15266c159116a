/**
 * Owns what a process answers to machines that watch it: the paths for probes (/livez, /readyz, /startupz, and /healthz,
 * an alias of /livez) and for figures (/metrics), and the listener for them alone: network policies filter ports, not paths.
 * Invariants: they answer from what is known already and start nothing; a listener on loopback answers to no name that a web
 * page can have made resolve to it (DNS rebinding); who is slow is not waited for.
 */
import type { IncomingMessage, ServerOptions, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { bindOrFree } from './bind.ts';
import { boundConnections } from './bound-connections.ts';
import { healthJson, healthText, type Health } from './health.ts';
import { hostIn, isAddress } from './host.ts';
import { createServer, OTHER_LISTENERS } from './http.ts';
import type { Log } from './log.ts';
import { METRICS_TYPE, type Metrics } from './metrics.ts';

const JSON_TYPE = 'application/json';
/** Of machines that watch, there are few. */
const MAX_CONNECTIONS = 256;

/** Whether the path was a probe's; if so the response is done. */
export function answerProbe(path: string, health: Health, aliases: readonly string[], req: IncomingMessage, res: ServerResponse): boolean {
  const live = path === '/livez' || path === '/healthz' || aliases.includes(path);
  if (!live && path !== '/readyz' && path !== '/startupz') return false;
  const report = live ? health.live() : health.ready();
  const json = (req.headers.accept ?? '').includes(JSON_TYPE);
  const verbose = new URL(req.url ?? '/', 'http://localhost').searchParams.has('verbose');
  send(res, report.status, json ? JSON_TYPE : 'text/plain; charset=utf-8', json ? healthJson(report) : healthText(report, verbose));
  return true;
}

export interface DiagnosticsDeps {
  readonly health: Health;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Where it listens; a port of `false` is any free one. */
export interface DiagnosticsAt {
  readonly host: string;
  readonly port: number | false;
}

/** Listens; a taken port is exchanged for a free one. */
export async function openDiagnostics(
  { health, log, metrics }: DiagnosticsDeps,
  at: DiagnosticsAt,
  times: ServerOptions = OTHER_LISTENERS,
): Promise<AsyncDisposable & { readonly url: string }> {
  /** Where others reach it, it has the names that its operators give it. */
  let onLoopback = true;
  const server = createServer(times, (req, res) => {
    if (onLoopback && !isMeant(req)) return void res.writeHead(403, { 'content-length': 0 }).end();
    const [path = '/'] = (req.url ?? '/').split('?');
    if (answerProbe(path, health, [], req, res)) return;
    if (path === '/metrics') return void answerMetrics(metrics, log, res);
    res.writeHead(404, { 'content-length': 0 }).end();
  });
  boundConnections(server, { listener: 'diagnostics', most: MAX_CONNECTIONS, log });
  const wanted = at.port === false ? 0 : at.port;
  const url = await bindOrFree(server, {
    host: at.host,
    port: wanted,
    exchanged: (port) => log.info({ wanted, port }, 'diagnostics port is taken, using a free one'),
  });
  const { address } = server.address() as AddressInfo;
  onLoopback = address.startsWith('127.') || address === '::1';
  server.unref();
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Whether whoever asks means this machine. */
function isMeant({ headers }: IncomingMessage): boolean {
  const host = hostIn(headers.host ?? '');
  return host !== undefined && (isAddress(host) || host === hostname().toLowerCase());
}

async function answerMetrics(metrics: Metrics, log: Log, res: ServerResponse): Promise<void> {
  try {
    send(res, 200, METRICS_TYPE, await metrics.text());
  } catch (error) {
    log.error({ err: error }, 'figures could not be read');
    res.writeHead(500, { 'content-length': 0 }).end();
  }
}

function send(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' });
  res.end(body);
}
