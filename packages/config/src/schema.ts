/**
 * Owns what may be written: one schema, every field described, its unit a string, its default given in the
 * form that a user would write. zod's only door together with `load.ts`.
 * Keeps: unknown keys are faults; what a schema yields is in milliseconds and bytes.
 */
import { z } from 'zod';
import { count, countOrNone, header, hosts, httpUrl, origins, routePath, scalar, size, text, texts, timeSpan, urlPath } from './forms.ts';
import { auth } from './schema-auth.ts';
import { drain, limit, limits, pool, streams, worker } from './schema-bounds.ts';
import { admin, diagnostics, listen } from './schema-listeners.ts';
import { nats } from './schema-nats.ts';

const http = z
  .strictObject({
    baseUrl: httpUrl.optional().describe('Public URL in front of this bridge, used in the addresses that it announces.'),
    allowedHosts: hosts
      .prefault([])
      .describe(
        'Values of the Host header accepted besides addresses, loopback names, the name of the machine, and those of `listen.host` and `baseUrl`; `*` for all.',
      ),
    allowedOrigins: origins
      .prefault([])
      .describe('Values of the Origin header accepted besides the loopback ones: exact, `*`, or `/a regular expression/`.'),
    cors: z
      .union(
        [
          z.literal(false),
          z.strictObject({
            origins: origins.prefault(['*']).describe('Origins that browsers may call from: exact, `*`, or `/a regular expression/`.'),
            headers: texts.prefault([]).describe('Request headers allowed besides those of MCP.'),
          }),
        ],
        'false, or an object with origins',
      )
      .prefault(false)
      .describe('Cross-origin calls from browsers. Short: `true` for every origin, or a list of origins.'),
    maxBody: size
      .prefault('4MiB')
      .describe(
        'Largest request body. An edge holds 32 times as much of bodies that have not come whole; beyond that those that began first are refused with 408.',
      ),
    maxConnections: count
      .prefault(32_768)
      .describe(
        'Connections that an edge has open at once, each of them an open file (`ulimit -n`). More are closed unanswered. A client has one for its stream, and one for each call at the same time.',
      ),
    headers: header.prefault({}).describe('Headers set on every answer.'),
    healthPaths: z.array(urlPath).prefault([]).describe('Further paths that answer as `/livez` does.'),
    paths: z
      .strictObject({
        mcp: routePath.optional().describe('Further path of the default server, Streamable HTTP.'),
        sse: routePath.optional().describe('Further path of the default server, 2024-11-05 stream.'),
        message: routePath
          .optional()
          .describe('Further path of the default server, 2024-11-05 messages; as `/message` it takes those of any server.'),
      })
      .prefault({})
      .describe('Further paths of the default server, besides `/mcp`, `/sse` and `/message`.'),
  })
  .prefault({})
  .describe('What the HTTP side accepts and answers.');

const log = z
  .strictObject({
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).prefault('info').describe('Least level that is written.'),
    format: z
      .enum(['json', 'pretty', 'auto'])
      .prefault('auto')
      .describe('`json` on stdout, `pretty` on stderr; `auto` is pretty on a terminal.'),
  })
  .prefault({})
  .describe('Logs.');

/** One entry below `servers`. */
export const serverSchema = z.strictObject({
  command: text.describe('Program to start; a whole line when `shell` is on.'),
  args: z.array(scalar).prefault([]).describe('Its arguments.'),
  env: z
    .record(z.string().regex(/^[^=\0]+$/, 'not a variable name'), scalar)
    .prefault({})
    .describe(
      'Variables set for it. A child sees only these and PATH, HOME, USER, LOGNAME, SHELL, TERM, LANG, TMPDIR, and our mark CAUSEWAY_CHILD.',
    ),
  envFile: text.optional().describe('File of `NAME=value` lines, for the same; `env` wins.'),
  passEnvironment: z
    .union([z.boolean(), texts], 'true, false or a list of names')
    .prefault(false)
    .describe(
      'Give it all our variables (`true`), or those listed; never one that sets Causeway itself, or its NATS: `env` gives it such a one.',
    ),
  cwd: text.optional().describe('Its working directory.'),
  shell: z.boolean('true or false').prefault(false).describe('Run the command through a shell.'),
  noNewPrivileges: z
    .boolean('true or false')
    .prefault(true)
    .describe(
      'It gains no privileges by what it executes (Linux, with `setpriv`). `false` for a server that needs a set-user-id program: sudo, ping, fusermount, newuidmap, chrome-sandbox.',
    ),
  startTimeout: timeSpan
    .optional()
    .describe(
      'Time until it must have answered `initialize`. Default: 30s, or 120s for npx, uvx, docker and the like, which may have to download first.',
    ),
  requestTimeout: timeSpan.prefault('300s').describe('Longest call.'),
  idle: timeSpan.prefault('30m').describe('A session without open streams and calls ends after this.'),
  age: timeSpan.prefault('24h').describe('Every session ends after this, used or not.'),
  limits: z
    .strictObject({
      sessions: limit.describe('Sessions of this server that all workers together hold at once. More are refused with 503.'),
    })
    .prefault({})
    .describe('Limits of this server.'),
  path: routePath
    .optional()
    .describe("A path of its own beside `/servers/{name}`, e.g. `/git`: no other server's, and none that the bridge answers itself."),
  default: z
    .boolean('true or false')
    .prefault(false)
    .describe(
      'Serve it at `/mcp`, `/sse` and `/message` too. A single server is, unless workers with other files have another: of what they mark the least name is taken, and where none is marked only what is the single one of no other.',
    ),
  era: z
    .enum(['auto', 'legacy', 'modern'])
    .prefault('auto')
    .describe(
      'Which MCP the server speaks: `legacy` (`initialize`, up to 2025-11-25), `modern` (2026-07-28), or `auto`: it is found out when it matters, by a process of its own, and remembered.',
    ),
  recovery: z
    .enum(['restart', 'end'])
    .prefault('restart')
    .describe(
      "When a session's worker is lost or shuts down: `restart` starts the server anew at another worker with the session's next message and tells the client so, `end` ends the session.",
    ),
  sharing: z
    .enum(['per-session', 'per-identity', 'shared', 'per-request'])
    .prefault('per-session')
    .describe(
      'Who may use a process that serves requests without a session (2026-07-28): `per-session` and `per-identity` one client identity after the other never, `shared` everybody, `per-request` nobody twice: each request has a process of its own. So has each round of a call (`requestState`) at a server of 2026-07-28, which is to need nothing but that state; with a handshake the process waits. Subscriptions of one identity use one process. A session always has a process of its own.',
    ),
  warm: countOrNone
    .prefault(0)
    .describe(
      'Processes that each worker keeps started, and that nobody has spoken to, for whoever needs one: a session or a pool. They come on top of what the limits count, until they are taken. Not for a server that does not wait for its client.',
    ),
  pool,
});

/** Everything but the servers. */
export const settingsSchema = z.strictObject({ listen, diagnostics, admin, http, auth, nats, limits, worker, streams, drain, log });

const NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;

/** Whether a server may be called so: it becomes a part of URLs. */
export function isServerName(name: string): boolean {
  return NAME.test(name);
}

/** The nearest name that is allowed. */
export function toServerName(name: string): string {
  const slug = name
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(-64)
    .replace(/^[-.]+/, '');
  return slug === '' ? 'server' : slug;
}

/** The whole file, for the published JSON Schema and the docs; `load.ts` checks its parts one by one. */
export const fileSchema = settingsSchema.extend({
  $schema: z.string().optional().describe('For editors.'),
  import: z
    .array(text)
    .prefault([])
    .describe("Files of MCP clients (`mcpServers`, or VS Code's `servers`) whose servers are added; they are only read."),
  servers: z
    .record(z.string().regex(NAME), serverSchema)
    .prefault({})
    .describe('The stdio servers, by name: letters, digits, dot, underscore, hyphen; up to 64.'),
});

export type ParsedSettings = z.output<typeof settingsSchema>;
