/** Owns the few lines that a person sees when a bridge is up on a terminal. Pure. */
import type { Config } from '@causeway/config';
import { VERSION } from './version.ts';

export interface BannerFacts {
  /** e.g. `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly config: Config;
  /** Servers that cannot be started, which was said already; not all of them. */
  readonly absent: ReadonlySet<string>;
}

const SHOWN = 4;

/** URL of a server's Streamable HTTP endpoint. */
export function serverUrl(url: string, name: string): string {
  return `${url}/servers/${name}/mcp`;
}

/** At most 8 lines. */
export function banner({ url, config, absent }: BannerFacts): string[] {
  const bus =
    config.nats === undefined
      ? 'in-memory bus, single process'
      : `NATS bus, ${config.nats.servers.length === 1 ? 'one server' : `${config.nats.servers.length} servers`} named`;
  const servers = Object.values(config.servers).filter(({ name }) => !absent.has(name));
  const first = servers.find((server) => server.default) ?? servers[0]!;
  const endpoint = first.default ? `${url}/mcp` : serverUrl(url, first.name);
  const head = [`causeway ${VERSION}  (${bus})`, ''];
  const key = config.auth.apiKeys.length === 0 ? '' : ' --header "Authorization: Bearer KEY"';
  const connect = ['', `  connect      claude mcp add --transport http ${first.name} ${endpoint}${key}`];
  if (first.default && servers.length === 1) {
    const mcp = endpoint.padEnd(44);
    return [
      ...head,
      `  ${first.name.padEnd(12)} ${mcp} Streamable HTTP`,
      `  ${''.padEnd(12)} ${`${url}/sse`.padEnd(44)} HTTP+SSE (2024-11-05)`,
      ...connect,
      '  stop         Ctrl-C',
    ];
  }
  const shown = servers.length > SHOWN ? servers.slice(0, SHOWN - 1) : servers;
  const width = Math.max(12, ...shown.map(({ name }) => name.length));
  const lines = shown.map(
    (server) => `  ${server.name.padEnd(width)} ${serverUrl(url, server.name)}${server.default ? '   (also /mcp)' : ''}`,
  );
  if (shown.length < servers.length)
    lines.push(
      `  … and ${servers.length - shown.length} more: ${servers
        .slice(shown.length)
        .map((server) => server.name)
        .join(' ')
        .slice(0, 90)}`,
    );
  return [...head, ...lines, ...connect];
}
