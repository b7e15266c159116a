/** Owns the help texts, made from the list of options; short first, everything on `--help --all`. */
import { PEER_NAMES } from './alias-table.ts';
import { camelCase, FLAGS, takes, type Flag } from './flags.ts';
import { isRole, type Verb } from './verbs.ts';

const EXAMPLES = `Examples:
  causeway -- npx -y @modelcontextprotocol/server-everything     a server on http://127.0.0.1:8000/mcp
  causeway --config ~/.cursor/mcp.json                           every stdio server of a client's file
  causeway worker --nats nats://nats:4222 --config servers.yaml  one of any number of workers …
  causeway edge --nats nats://nats:4222 --host 0.0.0.0           … and of edges, as one bridge`;

const ASKING = `
       [--format table|json] [-q]          one JSON document; names only
       [--admin URL] [--token TOKEN]       default: the bridge of this user on this machine ($CAUSEWAY_ADMIN_TOKEN)`;

const WHOM = `
       [--url URL]                         an MCP endpoint, or the address of a bridge; default: this user's on this machine
       [--api-key KEY] [--header "K: V"]   what it asks of its clients`;

const USAGE: Readonly<Record<Verb, string>> = {
  run: 'causeway [run] [options] [--] COMMAND [ARGS…]     put stdio MCP servers on the network',
  edge: 'causeway edge --nats URL [options]     HTTP side of a bridge over NATS; learns the servers from the workers',
  worker: 'causeway worker --nats URL [options] [--] [COMMAND…]     runs the servers of a bridge over NATS',
  config: `causeway config check [options]              check a configuration; exit 0 or 2
       causeway config print [--show-origin]        the configuration in force, secrets masked
       causeway config schema                       its JSON Schema
       causeway config import FILE                  a client's file as our YAML`,
  init: `causeway init [--] [COMMAND…]     write a causeway.yaml; never over an existing one
       causeway init --cluster           … and a docker-compose.yml around it: NATS, workers, edges, HAProxy
       [--import FILE]                   the servers of an MCP client's file`,
  demo: `causeway demo [--url URL] [--api-key KEY] [--calls N]     one session, its calls over every edge; what the client saw. Default http://localhost:8000/mcp
       [--kill-edge] [--kill-worker]        kills them on the way: a stack of docker compose, from its directory
       [--together N] [--gap MS] [--tool NAME] [--format table|json]`,
  tools: `causeway tools [SERVER]     what a server can do; the default server of the bridge where none is named
       [--format table|json] [-q]          one JSON document; names only
       [--timeout TIME]                    default 10m${WHOM}`,
  call: `causeway call [SERVER] TOOL [NAME=VALUE…]     call a tool of a server and print what it says; exit 0, or 5 when it failed
       [--json '{"NAME": VALUE…}']         the arguments as JSON, in place of NAME=VALUE
       [--format table|json]               the whole result
       [--timeout TIME]                    default 10m; the call is cancelled then, and by Ctrl-C${WHOM}`,
  client: `causeway client claude-code|claude-desktop|cursor|vscode [SERVER]
       what to write in the configuration of that client; all servers of the bridge where none is named${WHOM}`,
  completion: `causeway completion bash|zsh|fish     a script for that shell, which says how it is loaded; completes verbs, options, servers and ids`,
  nats: `causeway nats keys DIRECTORY HOST…     make the keys of a NATS with one user for each role; what is there is kept
       causeway nats buckets [options]        make the buckets, as the user that may; exit 0 or 4`,
  sessions: `causeway sessions [ls] [--server NAME] [--limit N]     the sessions of a running bridge, the newest first
       causeway sessions get ID                               all that is known of one
       causeway sessions kill ID… [--yes]                     end them; calls in flight are told so${ASKING}
       ID is what "sessions ls" shows, its beginning, or the Mcp-Session-Id that a client holds`,
  workers: `causeway workers [ls]               the workers of a running bridge
       causeway workers get ID             all that is known of one
       causeway workers drain ID [--yes]   it takes no new sessions; those that it holds go on
       causeway workers resume ID          it takes new ones again${ASKING}`,
  servers: `causeway servers [ls]     what a running bridge serves, and how many workers start it${ASKING}`,
  limits: `causeway limits     how much of each limit is used, in the whole cluster${ASKING}`,
  doctor: `causeway doctor [options] [--] [COMMAND…]     look for what would go wrong at a start; exit 0, 1, or 4 without NATS
       [--format table|json]`,
  warm: `causeway warm [options] [SERVER…] | -- COMMAND…     start each server once, so that its packages are there; exit 0 or 5
       [--timeout TIME] [--format table|json]     default 10m for each, four at once`,
  health:
    'causeway health [--live|--ready] [--url URL] [--port PORT] [--timeout TIME]     ask a running bridge, for 3 s unless told otherwise; exit 0, 1 or 4',
};

/** How a verb is used, a line for each way; what is said of it stands behind several blanks. */
export function usageOf(verb: Verb): string {
  return USAGE[verb];
}

const VERBS_TEXT = `Verbs:
  run       (default) everything in one process, bus in memory
  edge      the HTTP side, over NATS        worker    the children's side, over NATS
  config    check, print, schema, import    init      write a causeway.yaml
  sessions  ls, get, kill                   workers   ls, get, drain, resume
  servers   what is served                  limits    used and allowed, per scope
  tools     what a server can do            call      call one tool of a server
  client    what to write in a client       health    ask a running bridge: --live, --ready
  demo      what clients see of losses      warm      start each server once: packages ahead
  doctor    look for what would go wrong    nats      keys, buckets: before the first start
  completion bash, zsh, fish`;

const TITLES: Readonly<Record<Flag['group'], string>> = {
  server: 'Servers',
  listen: 'Address',
  access: 'Access',
  cluster: 'Cluster',
  limits: 'Limits',
  output: 'Output',
};

export function helpText(verb: Verb | undefined, all: boolean): string {
  if (verb !== undefined && !isRole(verb)) return `Usage: ${USAGE[verb]}\n`;
  const role = verb ?? 'run';
  const flags = FLAGS.filter((flag) => (all || !flag.rare) && takes(role, flag));
  const parts = [`${verb === undefined ? `${EXAMPLES}\n\n` : ''}Usage: ${USAGE[role]}`];
  if (verb === undefined) parts.push(VERBS_TEXT);
  for (const [group, title] of Object.entries(TITLES)) {
    const lines = flags.filter((flag) => flag.group === group).map((flag) => lineOf(flag, role, all));
    if (lines.length > 0) parts.push(all ? `${title}:\n${lines.join('\n')}` : lines.join('\n'));
  }
  if (all) parts.push(allText());
  else parts.push("TIME is 30s, 5m or seconds. All options, the peers' names and exit codes: causeway --help --all");
  return `${all ? parts.join('\n\n') : joinShort(parts, verb === undefined)}\n`;
}

/** Short help keeps the option groups together: it is to fit on a screen. */
function joinShort(parts: readonly string[], top: boolean): string {
  const head = top ? 2 : 1;
  return `${parts.slice(0, head).join('\n')}\nOptions:\n${parts.slice(head).join('\n')}`;
}

function lineOf(flag: Flag, role: Verb, all: boolean): string {
  const names = `${flag.short === undefined ? '    ' : `${flag.short}, `}${flag.name}${flag.arg === undefined ? '' : ` ${flag.arg}`}`;
  const env = flag.env === undefined ? '' : ` (${all ? `env ${flag.env}` : `$${flag.env}`})`;
  const text = (role === 'edge' || role === 'worker' ? flag.clustered : undefined) ?? flag.text;
  return `  ${names.padEnd(28)} ${text}${env}`;
}

function allText(): string {
  const camel = FLAGS.map((flag) => camelCase(flag.name)).filter((name) => !FLAGS.some((flag) => flag.name === name));
  return `Other spellings:
${wrap([...camel])}
Names of supergateway and mcp-proxy, in their units (durations in milliseconds), camelCase or kebab-case:
${wrap(PEER_NAMES)}

Exit codes:
  0 ok · 1 unexpected · 2 usage or configuration · 3 authentication · 4 NATS or bridge unreachable
  5 the command failed to start, a tool failed · 6 refused by a limit · 127 command not found
  70 a fault of causeway's own · 130, 143 interrupted, a bridge before it was ready`;
}

function wrap(words: readonly string[]): string {
  const lines = ['  '];
  for (const word of words) {
    if (lines.at(-1)!.length + word.length > 110) lines.push('  ');
    lines[lines.length - 1] += `${word} `;
  }
  return lines.map((line) => line.trimEnd()).join('\n');
}
