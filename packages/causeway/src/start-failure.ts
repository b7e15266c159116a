/**
 * Owns the words for what goes wrong at a start: an address that is taken, NATS that does not answer, a child that does
 * not. Turns the errors of the services into `Failure`s; what it does not know it gives back.
 */
import type { Config } from '@causeway/config';
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

/** A child that was tried once and did not answer. */
export function childFailure(name: string, error: unknown): Failure {
  if (!(error instanceof CausewayError))
    return new Failure(EXIT.child, `cannot start "${name}": ${error instanceof Error ? error.message : String(error)}`);
  const { stderr, exitCode, signal } = error.facts;
  const how =
    exitCode !== undefined
      ? `it exited with code ${String(exitCode)}`
      : signal !== undefined
        ? `it was ended by ${String(signal)}`
        : error.message.replace(/\.$/, '');
  const lines = typeof stderr === 'string' ? stderr.split('\n') : Array.isArray(stderr) ? (stderr as readonly string[]) : [];
  return new Failure(EXIT.child, `cannot start "${name}": ${how}`, [
    ...lines
      .filter((line) => line.trim() !== '')
      .slice(-5)
      .map((line) => `| ${line}`),
    error.reason === 'server.start_timeout'
      ? 'hint: does it speak MCP over stdio? For a Python server try -e PYTHONUNBUFFERED=1; for a slow download --start-timeout 5m'
      : 'hint: it sees only PATH, HOME and the like; -e NAME=VALUE adds a variable, --pass-environment gives it all',
  ]);
}
