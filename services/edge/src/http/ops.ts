/**
 * Owns the paths for probes and people: /livez, /readyz, /startupz, /healthz (an alias of /livez), and the
 * list of servers at /. They answer from what is known already and start nothing.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { healthJson, healthText, type Health } from '@causeway/runtime';
import type { Servers } from '../servers.ts';

const JSON_TYPE = 'application/json';

/** Whether the path was one of ours; if so the response is done. */
export function answerProbe(path: string, health: Health, aliases: readonly string[], req: IncomingMessage, res: ServerResponse): boolean {
  const live = path === '/livez' || path === '/healthz' || aliases.includes(path);
  if (!live && path !== '/readyz' && path !== '/startupz') return false;
  const report = live ? health.live() : health.ready();
  const json = (req.headers.accept ?? '').includes(JSON_TYPE);
  const verbose = new URL(req.url ?? '/', 'http://localhost').searchParams.has('verbose');
  send(res, report.status, json ? JSON_TYPE : 'text/plain; charset=utf-8', json ? healthJson(report) : healthText(report, verbose));
  return true;
}

/** What this bridge serves, for whoever opens its address: `{name, servers: {name: {mcp, sse}}}`. */
export function answerIndex(servers: Servers, res: ServerResponse): void {
  const list = Object.fromEntries(
    [...servers.all()].map(({ name }) => [name, { mcp: `/servers/${name}/mcp`, sse: `/servers/${name}/sse` }]),
  );
  send(res, 200, JSON_TYPE, `${JSON.stringify({ name: 'causeway', servers: list }, undefined, 2)}\n`);
}

function send(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' });
  res.end(body);
}
