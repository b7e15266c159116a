/**
 * Owns the question whether a container engine answers here, and words to it. Where none does, the tests of the stack are
 * skipped: that is said in a line of its own, with the reason.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Milliseconds for one question to the engine. */
const WAIT = 120_000;
const run = promisify(execFile);

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Why no stack can be brought up; `undefined` when one can. */
export async function reason(env: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
  try {
    await docker(['version', '--format', '{{.Server.Version}}'], env);
    await docker(['compose', 'version'], env);
    return undefined;
  } catch (error) {
    return `no container engine with compose answers (${(error as Error).message.trim().split('\n').at(-1)})`;
  }
}

/** Why the tests of the stack cannot run here, said aloud; `undefined` when they can. */
export async function obstacle(): Promise<string | undefined> {
  const why = await reason();
  if (why !== undefined)
    process.stderr.write(`\n!!! NOT TESTED: the compose stack. ${why}\n!!! Start Docker, then: npm run test:compose\n\n`);
  return why;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `docker ARGS…`; rejects unless it ends well. */
export async function docker(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, stdout, stderr } = await tryDocker(args, env);
  if (code !== 0) throw new Error(`docker ${args.join(' ').slice(0, 300)}: code ${code}\n${stderr.slice(-2_000)}`);
  return stdout;
}

/** The same, whatever comes of it. */
export async function tryDocker(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const options = { cwd: ROOT, env: { ...process.env, ...env }, timeout: WAIT, maxBuffer: 32 << 20 };
  try {
    return { code: 0, ...(await run('docker', args, options)) };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { readonly code?: unknown; readonly stdout?: string; readonly stderr?: string };
    return { code: typeof code === 'number' ? code : -1, stdout, stderr: stderr === '' ? String(error) : stderr };
  }
}
