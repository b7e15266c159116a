/**
 * Owns what MCP clients want to find in their configuration for a server at a URL, and in which file. Pure.
 * As of November 2026; Claude Desktop takes servers on stdio alone, so there mcp-remote stands between.
 */
/** A server as a client is to reach it. */
export interface Entry {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ClientConfig {
  /** What is to be written. */
  readonly document: Readonly<Record<string, unknown>>;
  /** Where to. */
  readonly place: string;
}

export const CLIENTS: Readonly<Record<string, (entries: readonly Entry[]) => ClientConfig>> = {
  'claude-code': (entries) => ({
    document: { mcpServers: named(entries, (entry) => ({ type: 'http', ...remote(entry) })) },
    place: '.mcp.json of a project',
  }),
  'claude-desktop': (entries) => ({
    document: { mcpServers: named(entries, throughStdio) },
    place: `${process.platform === 'darwin' ? '~/Library/Application Support' : '~/.config'}/Claude/claude_desktop_config.json`,
  }),
  cursor: (entries) => ({
    document: { mcpServers: named(entries, remote) },
    place: '.cursor/mcp.json of a project, or ~/.cursor/mcp.json',
  }),
  vscode: (entries) => ({
    document: { servers: named(entries, (entry) => ({ type: 'http', ...remote(entry) })) },
    place: '.vscode/mcp.json of a workspace, or what "MCP: Open User Configuration" opens',
  }),
};

function named(entries: readonly Entry[], of: (entry: Entry) => unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(entries.map((entry) => [entry.name, of(entry)]));
}

function remote({ url, headers }: Entry): Readonly<Record<string, unknown>> {
  return { url, ...(Object.keys(headers).length === 0 ? {} : { headers }) };
}

/** What mcp-remote calls loopback; to elsewhere it speaks TLS unless it is told otherwise. */
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1']);

/** The values of headers are handed over as variables: what is in the command line everybody on the machine can read. */
function throughStdio({ url, headers }: Entry): Readonly<Record<string, unknown>> {
  const { protocol, hostname } = new URL(url);
  const variables = Object.entries(headers).map(([name, value]) => ({
    name,
    variable: `HEADER_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`,
    value,
  }));
  const open = protocol === 'http:' && !LOOPBACK.has(hostname) ? ['--allow-http'] : [];
  const args = ['-y', 'mcp-remote', url, ...open, ...variables.flatMap(({ name, variable }) => ['--header', `${name}:\${${variable}}`])];
  const env = Object.fromEntries(variables.map(({ variable, value }) => [variable, value]));
  return { command: 'npx', args, ...(variables.length === 0 ? {} : { env }) };
}
