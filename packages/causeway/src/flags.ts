/**
 * Owns the list of our own options: what each is called, what it sets, what it says of itself. Loads nothing, so that
 * help is quick. The peers' names for the same are in `aliases.ts`.
 */

export type Role = 'run' | 'edge' | 'worker' | 'config';

export interface Flag {
  /** e.g. `--port`; the camelCase spelling is accepted too. */
  readonly name: string;
  readonly short?: string;
  /** Shown in help; absent for a switch. */
  readonly arg?: string;
  /** The setting; absent when the option does something else. */
  readonly path?: string;
  /** The variable that sets the same. */
  readonly env?: string;
  readonly text: string;
  readonly group: 'server' | 'listen' | 'access' | 'cluster' | 'limits' | 'output';
  /** Only in `--help --all`. */
  readonly rare?: true;
  /** May be given several times. */
  readonly many?: true;
  /** Roles that do not take it. */
  readonly not?: readonly Role[];
}

const SERVER = ['edge'] as const;
const LISTEN = ['worker'] as const;

export const FLAGS: readonly Flag[] = [
  { name: '--config', short: '-c', arg: 'FILE', env: 'CAUSEWAY_CONFIG', group: 'server', text: 'our YAML or JSON, or any MCP client\'s file, unmodified' },
  { name: '--server', arg: 'NAME=CMD', group: 'server', many: true, not: SERVER, text: 'one more server, at /servers/NAME' },
  { name: '--stdio', arg: '"CMD"', group: 'server', not: SERVER, text: 'the command as one text' },
  { name: '--name', arg: 'NAME', group: 'server', not: SERVER, text: 'name of the command\'s server; default from its package' },
  { name: '--env', short: '-e', arg: 'K=V', path: 'servers.*.env', group: 'server', many: true, not: SERVER, text: 'variable for the child' },
  { name: '--env-file', arg: 'FILE', path: 'servers.*.envFile', group: 'server', not: SERVER, text: 'file of variables for the child' },
  { name: '--pass-environment', path: 'servers.*.passEnvironment', env: 'CAUSEWAY_PASS_ENVIRONMENT', group: 'server', not: SERVER, text: 'not only PATH, HOME and the like' },
  { name: '--cwd', arg: 'DIR', path: 'servers.*.cwd', group: 'server', rare: true, not: SERVER, text: 'working directory of the child' },
  { name: '--shell', path: 'servers.*.shell', group: 'server', rare: true, not: SERVER, text: 'run the command through a shell' },
  { name: '--named-server-config', arg: 'FILE', group: 'server', rare: true, many: true, not: SERVER, text: 'servers of a client\'s file, besides the others' },
  { name: '--no-probe', group: 'server', rare: true, not: ['edge', 'worker', 'config'], text: 'do not try the command once at the start' },

  { name: '--port', short: '-p', arg: 'PORT', path: 'listen.port', env: 'CAUSEWAY_PORT', group: 'listen', not: LISTEN, text: 'default 8000; 0 is any free port' },
  { name: '--host', arg: 'HOST', path: 'listen.host', env: 'CAUSEWAY_HOST', group: 'listen', not: LISTEN, text: 'default 127.0.0.1; 0.0.0.0 lets others in' },
  { name: '--base-url', arg: 'URL', path: 'http.baseUrl', env: 'CAUSEWAY_BASE_URL', group: 'listen', rare: true, not: LISTEN, text: 'public URL in front of this bridge' },
  { name: '--mcp-path', arg: 'PATH', path: 'http.paths.mcp', group: 'listen', rare: true, not: LISTEN, text: 'further path of the default server, besides /mcp' },
  { name: '--sse-path', arg: 'PATH', path: 'http.paths.sse', group: 'listen', rare: true, not: LISTEN, text: 'the same for /sse' },
  { name: '--message-path', arg: 'PATH', path: 'http.paths.message', group: 'listen', rare: true, not: LISTEN, text: 'the same for /message' },
  { name: '--health-path', arg: 'PATH', path: 'http.healthPaths', group: 'listen', rare: true, many: true, not: LISTEN, text: 'further path that answers as /livez does' },
  { name: '--header', arg: '"K: V"', path: 'http.headers', group: 'listen', rare: true, many: true, not: LISTEN, text: 'header set on every answer' },
  { name: '--diagnostics-port', arg: 'PORT', path: 'diagnostics.port', env: 'CAUSEWAY_DIAGNOSTICS_PORT', group: 'listen', rare: true, not: LISTEN, text: 'default 9464; "off" for none' },

  { name: '--api-key', arg: 'KEY', path: 'auth.apiKeys', env: 'CAUSEWAY_API_KEY', group: 'access', many: true, not: LISTEN, text: 'ask clients for this key' },
  { name: '--cors', arg: '[ORIGIN]', path: 'http.cors', env: 'CAUSEWAY_CORS', group: 'access', many: true, not: LISTEN, text: 'let pages of these origins call; alone: of all' },
  { name: '--cors-header', arg: 'NAME', path: 'http.cors', group: 'access', rare: true, many: true, not: LISTEN, text: 'further request header that pages may send' },
  { name: '--allowed-hosts', arg: 'A,B', path: 'http.allowedHosts', env: 'CAUSEWAY_ALLOWED_HOSTS', group: 'access', many: true, not: LISTEN, text: 'Host headers to accept' },
  { name: '--allowed-origins', arg: 'A,B', path: 'http.allowedOrigins', env: 'CAUSEWAY_ALLOWED_ORIGINS', group: 'access', rare: true, many: true, not: LISTEN, text: 'Origin headers to accept' },

  { name: '--nats', arg: 'URL', path: 'nats.servers', env: 'CAUSEWAY_NATS_URL', group: 'cluster', many: true, text: 'message bus; default in memory' },

  { name: '--idle', arg: 'TIME', path: 'servers.*.idle', env: 'CAUSEWAY_IDLE', group: 'limits', not: SERVER, text: 'end sessions unused for so long; default 30m' },
  { name: '--start-timeout', arg: 'TIME', path: 'servers.*.startTimeout', env: 'CAUSEWAY_START_TIMEOUT', group: 'limits', not: SERVER, text: 'default 30s; 120s for npx, uvx, docker' },
  { name: '--request-timeout', arg: 'TIME', path: 'servers.*.requestTimeout', env: 'CAUSEWAY_REQUEST_TIMEOUT', group: 'limits', not: SERVER, text: 'longest call; default 300s' },
  { name: '--max-body', arg: 'SIZE', path: 'http.maxBody', env: 'CAUSEWAY_MAX_BODY', group: 'limits', rare: true, not: LISTEN, text: 'largest request; default 4MiB' },
  { name: '--resume-window', arg: 'N', path: 'streams.journalFrames', env: 'CAUSEWAY_STREAMS_JOURNAL_FRAMES', group: 'limits', rare: true, text: 'messages kept of each stream for replay; default 256' },
  { name: '--drain-timeout', arg: 'TIME', path: 'drain.timeout', env: 'CAUSEWAY_DRAIN_TIMEOUT', group: 'limits', rare: true, text: 'what running calls are given at the end; default 30s' },
  { name: '--drain-delay', arg: 'TIME', path: 'drain.delay', env: 'CAUSEWAY_DRAIN_DELAY', group: 'limits', rare: true, text: 'time between turning unready and refusing; default 0s' },

  { name: '--log-level', arg: 'LEVEL', path: 'log.level', env: 'CAUSEWAY_LOG_LEVEL', group: 'output', text: 'trace debug info warn error silent (-v debug, -q warn)' },
  { name: '--log-format', arg: 'FORM', path: 'log.format', env: 'CAUSEWAY_LOG_FORMAT', group: 'output', rare: true, text: 'json, pretty, auto' },
];

/** `--base-url` → `--baseUrl`. */
export function camelCase(name: string): string {
  return name.replaceAll(/(?<=\w)-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** `--baseUrl` → `--base-url`. */
export function kebabCase(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export const VERBS = ['run', 'edge', 'worker', 'config', 'init', 'health'] as const;
export type Verb = (typeof VERBS)[number];

export function isVerb(word: string | undefined): word is Verb {
  return VERBS.includes(word as Verb);
}
