/**
 * Owns the words for what goes wrong at a start: an address that is taken, NATS that does not answer, a child that does
 * not. Turns the errors of the services into `Failure`s; what it does not know it gives back.
 */
import type { Config, ServerConfig } from '@causeway/config';
import { CausewayError } from '@causeway/protocol';
import { EXIT, Failure } from './failure.ts';

export async function listenFailure(error: unknown, { listen, admin }: Config): Promise<unknown> {
  if (error instanceof CausewayError && error.reason === 'cluster.unavailable') return new Failure(EXIT.unreachable, error.message);
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'EADDRINUSE') {
    const { portHolder } = await import('./port-holder.ts');
    const holder = portHolder(listen.port);
    const by = holder === undefined ? '' : ` by ${holder.name} (pid ${holder.pid})`;
    // What holds this port may be a bridge, whose operators have the next one.
    const next = listen.port + 1 === admin.port ? listen.port + 2 : listen.port + 1;
    return new Failure(EXIT.unexpected, `port ${listen.port} is in use${by}. Try --port ${next}, or --port 0 for any free port.`);
  }
  if (code === 'EACCES') return new Failure(EXIT.unexpected, `port ${listen.port} may not be used by this user. Try --port 8000.`);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new Failure(EXIT.unexpected, `${addressOf(error) ?? listen.host} is no address of this machine. Try --host 127.0.0.1.`);
  return error;
}

/** That of a listener beside the main one may be the wrong one. */
function addressOf(error: unknown): string | undefined {
  const { address, hostname } = error as { readonly address?: unknown; readonly hostname?: unknown };
  return typeof address === 'string' ? address : typeof hostname === 'string' ? hostname : undefined;
}

const ENVIRONMENT = 'hint: it sees only PATH, HOME and the like; -e NAME=VALUE adds a variable, --pass-environment gives it all';
const SLOW = 'hint: does it speak MCP over stdio? For a Python server try -e PYTHONUNBUFFERED=1; for a slow download --start-timeout 5m';
const PROTOCOL = 'hint: does it speak MCP over stdio, with nothing else on stdout?';

/** What is wrong and what to do, by the class of a start that failed (worker/child/launch.ts and child.ts). */
const CLASSES: Readonly<Record<string, (server: ServerConfig) => readonly [how: string, hint: string]>> = {
  not_found: ({ command }) => [`command not found: ${command}`, 'hint: it is looked for on the PATH that the child is given'],
  not_executable: ({ command }) => [
    `${command} may not be executed`,
    'hint: chmod +x it, or start it by its interpreter: causeway -- node FILE',
  ],
  bad_cwd: ({ cwd = '.' }) => [
    `its working directory ${cwd} does not exist, or is none that may be entered`,
    'hint: correct --cwd, or "cwd" in the file',
  ],
  too_many_processes: () => ['this machine has no room for another process', 'hint: raise ulimit -u and ulimit -n, or end other programs'],
  arguments: () => ['its arguments and variables are too long for the system, or hold a NUL byte', 'hint: give what is long in a file'],
  line_too_long: () => ['it wrote a line that is longer than worker.lineBytes', PROTOCOL],
  noise: () => ['it writes too much to stdout that is no JSON-RPC', PROTOCOL],
  partial_line: () => ['it stopped in the middle of a line', PROTOCOL],
  stdin_closed: () => ['it closed its stdin', PROTOCOL],
  stdin_stalled: () => ['it does not read its stdin', PROTOCOL],
  stdout_closed: () => ['it closed its stdout', PROTOCOL],
};

/** Of a class that is known. */
export function classFailure(server: ServerConfig, fault: string): Failure | undefined {
  const known = Object.hasOwn(CLASSES, fault) ? CLASSES[fault]?.(server) : undefined;
  return known && new Failure(EXIT.child, `cannot start "${server.name}": ${known[0]}`, [known[1]]);
}

/** A child that was tried once and did not answer. */
export function childFailure(server: ServerConfig, error: unknown): Failure {
  const failure = (how: string, hints: readonly string[] = []): Failure =>
    new Failure(EXIT.child, `cannot start "${server.name}": ${how}`, hints);
  if (!(error instanceof CausewayError)) return failure(error instanceof Error ? error.message : String(error));
  const { stderr, exitCode, signal, class: fault } = error.facts;
  const known = classFailure(server, String(fault));
  if (known !== undefined) return known;
  const how =
    exitCode !== undefined
      ? `it exited with code ${String(exitCode)}`
      : signal !== undefined
        ? `it was ended by ${String(signal)}`
        : error.message.replace(/\.$/, '');
  const lines = typeof stderr === 'string' ? stderr.split('\n') : Array.isArray(stderr) ? (stderr as readonly string[]) : [];
  const last = lines.filter((line) => line.trim() !== '').slice(-5);
  const hint = { 'server.start_timeout': SLOW, 'server.reply_invalid': PROTOCOL }[error.reason as string] ?? ENVIRONMENT;
  return failure(how, [...last.map((line) => `| ${line}`), hint]);
}
