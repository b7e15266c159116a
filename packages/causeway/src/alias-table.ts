/** Owns what each of the peers' options means here: one of ours, nothing, or a refusal that says why. A table, no code. */

export type Alias =
  | { readonly to: string; readonly ms?: true }
  /** `otherwise`: what is said of another value; of a switch, of `=false`. */
  | { readonly drop: 'switch' | 'value' | readonly string[]; readonly otherwise?: string }
  | { readonly refuse: string; readonly value?: true };

export const REVERSE = 'connecting to a remote server (HTTP to stdio) is not part of this release';
const STATELESS =
  'a session of an older client always has a process of its own; requests of 2026-07-28 need no session anyway, and --sharing says who shares their processes: leave it out';
const MODERN =
  'clients of 2026-07-28 are always served, on the same URL as the older ones: leave it out; --child-protocol legacy is for a server that is not to be asked for it';

/** By kebab-case name; the camelCase spelling means the same, except where it stands here itself. */
export const ALIASES: Readonly<Record<string, Alias>> = {
  '--streamable-http-path': { to: '--mcp-path' },
  '--stream-endpoint': { to: '--mcp-path' },
  '--sse-endpoint': { to: '--sse-path' },
  '--health-endpoint': { to: '--health-path' },
  '--session-timeout': { to: '--idle', ms: true },
  '--session-idle-timeout': { to: '--idle', ms: true },
  '--connection-timeout': { to: '--start-timeout', ms: true },
  '--requestTimeout': { to: '--request-timeout', ms: true },
  '--graceful-shutdown-timeout': { to: '--drain-timeout', ms: true },
  '--max-body-size': { to: '--max-body' },
  '--cors-add-allowed-header': { to: '--cors-header' },
  '--event-store-max-events': { to: '--resume-window' },
  '--sse-port': { to: '--port' },
  '--sse-host': { to: '--host' },
  '--output-transport': {
    drop: ['sse', 'streamableHttp', 'streamable-http'],
    otherwise: 'of the transports sse and streamableHttp are served, both always; ws and stdio are not part of this release',
  },
  '--upstream-protocol': { to: '--child-protocol' },
  '--stateful': { drop: 'switch', otherwise: STATELESS },
  '--no-stateful': { refuse: STATELESS },
  '--stateless': { refuse: STATELESS },
  '--no-stateless': { drop: 'switch' },
  '--protocol-version': { drop: 'value' },
  '--modern': { drop: 'switch', otherwise: MODERN },
  '--no-modern': { refuse: MODERN },
  '--no-debug': { drop: 'switch' },
  '--no-pass-environment': { drop: 'switch' },
  '--keep-alive-timeout': { drop: 'value' },
  '--event-store': { drop: 'switch' },
  '--expose-header': {
    drop: [
      'mcp-session-id',
      'mcp-protocol-version',
      'www-authenticate',
      'retry-after',
      'Mcp-Session-Id',
      'Mcp-Protocol-Version',
      'WWW-Authenticate',
      'Retry-After',
    ],
    otherwise:
      'exposed are Mcp-Session-Id, Mcp-Protocol-Version, WWW-Authenticate and Retry-After; further ones are not part of this release',
  },
  '--sse': { refuse: REVERSE, value: true },
  '--streamable-http': { refuse: REVERSE, value: true },
  '--ws': { refuse: REVERSE, value: true },
  '--transport': { refuse: REVERSE, value: true },
  '--headers': { refuse: REVERSE, value: true },
  '-H': { refuse: REVERSE, value: true },
  '--oauth2-bearer': { refuse: 'it guards nothing on the way in; --api-key asks clients for a key', value: true },
  '--oauth2Bearer': { refuse: 'it guards nothing on the way in; --api-key asks clients for a key', value: true },
  '--ssl-cert': { to: '--tls-cert' },
  '--ssl-key': { to: '--tls-key' },
  '--ssl-ca': { to: '--tls-client-ca' },
  '--tunnel': { refuse: 'causeway opens no tunnel; cloudflared and ngrok do' },
};

/** Options that both mcp-proxies accept behind the command, where ours would be the child's. */
export const TRAILING = new Set([
  '--port',
  '--host',
  '--sse-port',
  '--sse-host',
  '--allow-origin',
  '-e',
  '--env',
  '--cwd',
  '--pass-environment',
  '--no-pass-environment',
  '--stateless',
  '--no-stateless',
  '--log-level',
  '--debug',
  '--no-debug',
  '--named-server',
  '--named-server-config',
]);

/** Every peer's name, for `--help --all`. */
export const PEER_NAMES: readonly string[] = [
  ...Object.keys(ALIASES).filter((name) => !('refuse' in ALIASES[name]!)),
  '--allow-origin',
  '--named-server',
  '--endpoint',
  '--debug',
].toSorted();
