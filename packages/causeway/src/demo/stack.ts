/**
 * Owns the compose stack that this directory is of, as `causeway demo` kills and starts parts of it.
 * Invariant: every question to the engine ends, with an answer or with a `Failure` that says why there is none.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { EXIT, Failure } from '../failure.ts';

/** Milliseconds for one question to the engine. */
const WAIT = 30_000;
const run = promisify(execFile);

export interface Container {
  readonly id: string;
  readonly name: string;
}

async function docker(...args: readonly string[]): Promise<string> {
  try {
    return (await run('docker', args, { timeout: WAIT, maxBuffer: 8 << 20 })).stdout;
  } catch (error) {
    const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string };
    const why = code === 'ENOENT' ? 'there is no docker here' : (stderr.trim().split('\n').at(-1) ?? String(error));
    throw new Failure(EXIT.unreachable, `docker ${args.slice(0, 3).join(' ')}: ${why}`, [
      'killing is for a stack of docker compose, from its directory',
    ]);
  }
}

/** The running containers of a service; at least one. */
export async function containersOf(service: string): Promise<readonly Container[]> {
  const ids = (await docker('compose', 'ps', '-q', service)).split('\n').filter((line) => line !== '');
  if (ids.length === 0)
    throw new Failure(EXIT.unreachable, `the stack of this directory runs no ${service}`, ['docker compose up -d --wait']);
  const names = (await docker('inspect', '--format', '{{.Name}}', ...ids)).split('\n');
  return ids.map((id, at) => ({ id, name: (names[at] ?? id).replace(/^\//, '') }));
}

export async function kill(container: Container): Promise<void> {
  await docker('kill', container.id);
}

export async function start(container: Container): Promise<void> {
  await docker('start', container.id);
}

interface Whereabouts {
  readonly worker: string;
  /** Its host name: in a container the beginning of the container's id. */
  readonly host: string;
}

/** Which worker owns the session that a client holds, asked of one of the edges. */
export async function ownerOf(session: string): Promise<Whereabouts> {
  const [edge] = await containersOf('edge');
  const ask = async (...words: readonly string[]): Promise<{ readonly worker?: string; readonly host?: string }> =>
    JSON.parse(await docker('exec', edge!.id, 'causeway', ...words, '--format', 'json')) as { worker?: string; host?: string };
  const { worker = '' } = await ask('sessions', 'get', session);
  const { host = '' } = await ask('workers', 'get', worker);
  return { worker, host };
}
