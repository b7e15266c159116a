/**
 * Owns the list of our own options: what each is called, what it sets, what it says of itself. Loads nothing, so that
 * help is quick. The peers' names for the same are in `aliases.ts`.
 */
import type { Role, Verb } from './verbs.ts';

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
  /** In its place for an edge and a worker. */
  readonly clustered?: string;
  readonly group: 'server' | 'listen' | 'access' | 'cluster' | 'limits' | 'output';
  /** Only in `--help --all`. */
  readonly rare?: true;
  /** May be given several times. */
  readonly many?: true;
  /** Roles that do not take it. */
  readonly not?: readonly Role[];
}

const EDGE = ['edge'] as const;
const WORKER = ['worker'] as const;

/** `spelling` is `-p --port PORT`: the short name and what it takes may be absent. */
function flag(group: Flag['group'], spelling: string, text: string, more: Omit<Flag, 'name' | 'group' | 'text'> = {}): Flag {
  const match = /^(-\w )?(--[a-z-]+)(?: (.+))?$/.exec(spelling)!;
  const [, short, name, arg] = match;
  return {
    name: name!,
    ...(short === undefined ? {} : { short: short.trim() }),
    ...(arg === undefined ? {} : { arg }),
    group,
    text,
    ...more,
  };
}

export const FLAGS: readonly Flag[] = [
  flag('server', '-c --config FILE', "our YAML or JSON, or any MCP client's file, unmodified", { env: 'CAUSEWAY_CONFIG' }),
  flag('server', '--server NAME=CMD', 'one more server, at /servers/NAME', { many: true, not: EDGE }),
  flag('server', '--stdio "CMD"', 'the command as one text', { not: EDGE }),
  flag('server', '--name NAME', "name of the command's server; default from its package", { not: EDGE }),
  flag('server', '-e --env K=V', 'variable for the child', { path: 'servers.*.env', many: true, not: EDGE }),
  flag('server', '--env-file FILE', 'file of variables for the child', { path: 'servers.*.envFile', not: EDGE }),
  flag('server', '--pass-environment', 'not only PATH, HOME and the like', {
    path: 'servers.*.passEnvironment',
    env: 'CAUSEWAY_PASS_ENVIRONMENT',
    not: EDGE,
  }),
  flag('server', '--cwd DIR', 'working directory of the child', { path: 'servers.*.cwd', rare: true, not: EDGE }),
  flag('server', '--shell', 'run the command through a shell', { path: 'servers.*.shell', rare: true, not: EDGE }),
  flag('server', '--named-server-config FILE', "servers of a client's file, besides the others", { rare: true, many: true, not: EDGE }),
  flag('server', '--child-protocol ERA', 'which MCP the server speaks: auto, legacy, modern', {
    path: 'servers.*.era',
    rare: true,
    not: EDGE,
  }),
  flag('server', '--sharing WHO', 'of a process without a session: per-session per-identity shared per-request', {
    path: 'servers.*.sharing',
    rare: true,
    not: EDGE,
  }),
  flag('server', '--no-probe', 'do not try the command once at the start', { rare: true, not: ['edge', 'worker', 'config', 'doctor'] }),

  flag('listen', '-p --port PORT', 'default 8000; 0 is any free port', { path: 'listen.port', env: 'CAUSEWAY_PORT', not: WORKER }),
  flag('listen', '--host HOST', 'default 127.0.0.1; 0.0.0.0 lets others in', { path: 'listen.host', env: 'CAUSEWAY_HOST', not: WORKER }),
  flag('listen', '--tls-cert FILE', 'serve https with this certificate (PEM), and what is between it and its authority', {
    path: 'listen.tls.certFile',
    env: 'CAUSEWAY_TLS_CERT',
    rare: true,
    not: WORKER,
  }),
  flag('listen', '--tls-key FILE', 'its private key (PEM)', {
    path: 'listen.tls.keyFile',
    env: 'CAUSEWAY_TLS_KEY',
    rare: true,
    not: WORKER,
  }),
  flag('listen', '--tls-client-ca FILE', 'ask clients for a certificate of these authorities (PEM)', {
    path: 'listen.tls.clientCaFile',
    env: 'CAUSEWAY_TLS_CLIENT_CA',
    rare: true,
    not: WORKER,
  }),
  flag('listen', '--base-url URL', 'public URL in front of this bridge', {
    path: 'http.baseUrl',
    env: 'CAUSEWAY_BASE_URL',
    rare: true,
    not: WORKER,
  }),
  flag('listen', '--mcp-path PATH', 'further path of the default server, besides /mcp', {
    path: 'http.paths.mcp',
    rare: true,
    not: WORKER,
  }),
  flag('listen', '--sse-path PATH', 'the same for /sse', { path: 'http.paths.sse', rare: true, not: WORKER }),
  flag('listen', '--message-path PATH', 'the same for /message', { path: 'http.paths.message', rare: true, not: WORKER }),
  flag('listen', '--health-path PATH', 'further path that answers as /livez does', {
    path: 'http.healthPaths',
    rare: true,
    many: true,
    not: WORKER,
  }),
  flag('listen', '--header "K: V"', 'header set on every answer', { path: 'http.headers', rare: true, many: true, not: WORKER }),
  flag('listen', '--diagnostics-port PORT', 'default 9464; "off" for none', {
    path: 'diagnostics.port',
    env: 'CAUSEWAY_DIAGNOSTICS_PORT',
    rare: true,
  }),
  flag('listen', '--admin-port PORT', 'for operators: default 8001; "off" for none', {
    path: 'admin.port',
    env: 'CAUSEWAY_ADMIN_PORT',
    rare: true,
    not: WORKER,
  }),

  flag('access', '--api-key KEY', 'ask clients for this key', { path: 'auth.apiKeys', env: 'CAUSEWAY_API_KEY', many: true, not: WORKER }),
  flag('access', '--cors [ORIGIN]', 'let pages of these origins call; alone: of all', {
    path: 'http.cors',
    env: 'CAUSEWAY_CORS',
    many: true,
    not: WORKER,
  }),
  flag('access', '--cors-header NAME', 'further request header that pages may send', {
    path: 'http.cors',
    rare: true,
    many: true,
    not: WORKER,
  }),
  flag('access', '--allowed-hosts A,B', 'Host headers to accept', {
    path: 'http.allowedHosts',
    env: 'CAUSEWAY_ALLOWED_HOSTS',
    many: true,
    not: WORKER,
  }),
  flag('access', '--allowed-origins A,B', 'Origin headers to accept', {
    path: 'http.allowedOrigins',
    env: 'CAUSEWAY_ALLOWED_ORIGINS',
    rare: true,
    many: true,
    not: WORKER,
  }),

  flag('cluster', '--nats URL', 'message bus; default in memory; auto: a nats-server of its own', {
    clustered: 'where the others of the bridge are; commas between several servers',
    path: 'nats.servers',
    env: 'CAUSEWAY_NATS_URL',
    many: true,
  }),

  flag('limits', '--idle TIME', 'end sessions unused for so long; default 30m', {
    path: 'servers.*.idle',
    env: 'CAUSEWAY_IDLE',
    not: EDGE,
  }),
  flag('limits', '--start-timeout TIME', 'default 30s; 120s for npx, uvx, docker', {
    path: 'servers.*.startTimeout',
    env: 'CAUSEWAY_START_TIMEOUT',
    not: EDGE,
  }),
  flag('limits', '--request-timeout TIME', 'longest call; default 300s', {
    path: 'servers.*.requestTimeout',
    env: 'CAUSEWAY_REQUEST_TIMEOUT',
    not: EDGE,
  }),
  flag('limits', '--max-sessions N', 'sessions of the whole bridge at once; default as many as fit', {
    path: 'limits.sessions',
    env: 'CAUSEWAY_LIMITS_SESSIONS',
    rare: true,
    not: EDGE,
  }),
  flag('limits', '--max-sessions-per-identity N', 'sessions of one identity at once', {
    path: 'limits.sessionsPerIdentity',
    env: 'CAUSEWAY_LIMITS_SESSIONS_PER_IDENTITY',
    rare: true,
    not: EDGE,
  }),
  flag('limits', '--max-body SIZE', 'largest request; default 4MiB', {
    path: 'http.maxBody',
    env: 'CAUSEWAY_MAX_BODY',
    rare: true,
    not: WORKER,
  }),
  flag('limits', '--resume-window N', 'messages kept of each stream for replay; default 256', {
    path: 'streams.journalFrames',
    env: 'CAUSEWAY_STREAMS_JOURNAL_FRAMES',
    rare: true,
  }),
  flag('limits', '--drain-timeout TIME', 'what running calls are given at the end; default 30s', {
    path: 'drain.timeout',
    env: 'CAUSEWAY_DRAIN_TIMEOUT',
    rare: true,
  }),
  flag('limits', '--drain-delay TIME', 'time between turning unready and refusing; default 0s', {
    path: 'drain.delay',
    env: 'CAUSEWAY_DRAIN_DELAY',
    rare: true,
  }),

  flag('output', '--log-level LEVEL', 'trace debug info warn error silent (-v debug, -q warn)', {
    path: 'log.level',
    env: 'CAUSEWAY_LOG_LEVEL',
  }),
  flag('output', '--log-format FORM', 'json, pretty, auto', { path: 'log.format', env: 'CAUSEWAY_LOG_FORMAT', rare: true }),
];

/** `--base-url` → `--baseUrl`. */
export function camelCase(name: string): string {
  return name.replaceAll(/(?<=\w)-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** `--baseUrl` → `--base-url`. */
export function kebabCase(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Whether a verb takes an option: `warm` those that say what a worker starts. */
export function takes(verb: Verb, { group, not = [] }: Flag): boolean {
  return verb === 'warm' ? group === 'server' && !not.includes('worker') : !not.includes(verb as Role);
}
