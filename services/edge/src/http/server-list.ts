/** Owns the list of servers at /, for whoever opens the bridge's address. */
import type { ServerResponse } from 'node:http';
import type { Servers } from '../servers.ts';

/** `{name, servers: {name: {mcp, sse}}}`. */
export function answerServerList(servers: Servers, res: ServerResponse): void {
  const list = Object.fromEntries(
    [...servers.all()].map(({ name }) => [name, { mcp: `/servers/${name}/mcp`, sse: `/servers/${name}/sse` }]),
  );
  const body = `${JSON.stringify({ name: 'causeway', servers: list }, undefined, 2)}\n`;
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' });
  res.end(body);
}
