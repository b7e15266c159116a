/**
 * Owns an operator in tests: a user's private runtime directory, in which bridges tell where they are, and commands
 * run to their end in it. Nothing of the real user's directory is read or written.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from './processes.ts';
import { within } from './within.ts';

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as one JSON document. */
  json(): unknown;
  /** The one JSON line of a failure. */
  error(): { readonly code: string; readonly message: string; readonly hint?: string; readonly docs?: string };
}

export interface Operator extends AsyncDisposable {
  /** For the bridges that this operator is to find. */
  readonly env: Readonly<Record<string, string>>;
  /** `causeway ARGS…` to its end, within 30 s. */
  run(...args: readonly string[]): Promise<Said>;
  /** The same with more, or other, environment. */
  runWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Said>;
  /** Names of the files by which bridges are found. */
  files(): Promise<readonly string[]>;
}

export async function openOperator(): Promise<Operator> {
  const directory = await mkdtemp(join(tmpdir(), 'causeway-operator-'));
  const env = { XDG_RUNTIME_DIR: directory, TMPDIR: directory };
  const runWith: Operator['runWith'] = async (more, ...args) => {
    await using process = launch(args, { cwd: directory, env: { ...env, ...more } });
    const { code } = await within(30_000, `the end of causeway ${args.join(' ')}`, process.finished);
    const [stdout, stderr] = [process.stdout(), process.stderr()];
    return {
      code,
      stdout,
      stderr,
      json: () => JSON.parse(stdout) as unknown,
      error: () => (JSON.parse(stderr) as { error: ReturnType<Said['error']> }).error,
    };
  };
  return {
    env,
    run: (...args) => runWith({}, ...args),
    runWith,
    files: () => readdir(join(directory, 'causeway')).catch(() => []),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
