/**
 * Owns the question what exactly is executed. Everything that can be wrong with a command is found here,
 * before a process exists: the prefix that ties a child's life to the worker's would otherwise turn
 * "no such command" into the exit of a process that did start.
 *
 * Errors name a class only; a path or an argument never leaves the worker.
 */
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { CausewayError } from '@causeway/protocol';
import { execa } from 'execa';
import type { ChildCommand } from './child.ts';
import type { Variables } from './environment.ts';

export type StartFault = 'not_found' | 'not_executable' | 'bad_cwd' | 'too_many_processes' | 'arguments' | 'other';

/** A process that does not start for want of anything of the machine's is worth another try elsewhere or later. */
const FULL_SECONDS = 10;

export function startFailed(fault: StartFault, cause?: unknown): CausewayError {
  const detail = { facts: { class: fault }, cause };
  return new CausewayError('server.start_failed', fault === 'too_many_processes' ? { ...detail, retryAfter: FULL_SECONDS } : detail);
}

export interface Launch {
  /** Absolute path. */
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

/** Finds the command on the child's own PATH. Throws `server.start_failed`. */
export async function resolveLaunch(command: ChildCommand, variables: Variables): Promise<Launch> {
  const texts = [command.command, ...command.args, command.cwd ?? '', ...Object.entries(variables).flat()];
  if (texts.some((text) => text.includes('\0')) || Object.keys(variables).some((name) => name === '' || name.includes('='))) {
    throw startFailed('arguments');
  }
  const cwd = resolve(command.cwd ?? '.');
  // Both looks at once: one after the other they would wait for a turn of the event loop each.
  const [entered, program] = await Promise.allSettled([enter(cwd), programOf(command, cwd, variables['PATH'])]);
  if (entered.status === 'rejected') throw entered.reason;
  if (program.status === 'rejected') throw program.reason;
  const { args, shell } = command;
  return { file: program.value, args: shell === true ? ['-c', [command.command, ...args].join(' ')] : args, cwd };
}

/** The dot is found in a directory only, and only by who may enter it: one question in place of two. */
async function enter(directory: string): Promise<void> {
  if (!(await mayExecute(`${directory}/.`))) throw startFailed('bad_cwd');
}

async function programOf({ command, shell }: ChildCommand, cwd: string, path: string | undefined): Promise<string> {
  return shell === true ? '/bin/sh' : find(command, cwd, path);
}

/** What the C library searches when there is no PATH. */
const DEFAULT_PATH = '/usr/local/bin:/bin:/usr/bin';

async function find(name: string, cwd: string, path = DEFAULT_PATH): Promise<string> {
  if (name === '') throw startFailed('not_found');
  const candidates = name.includes('/') ? [resolve(cwd, name)] : path.split(delimiter).map((directory) => resolve(cwd, directory, name));
  let fault: StartFault = 'not_found';
  for (const candidate of candidates) {
    const [stats, executable] = await Promise.all([
      stat(candidate).catch((error: NodeJS.ErrnoException) => error.code),
      mayExecute(candidate),
    ]);
    if (executable && typeof stats === 'object' && stats.isFile()) return candidate;
    if (typeof stats === 'object' || stats === 'EACCES') fault = 'not_executable';
  }
  throw startFailed(fault);
}

function mayExecute(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** What a failed system call says about the start. */
export function faultOf(error: unknown): StartFault {
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'not_found';
    case 'EACCES':
    case 'EPERM':
      return 'not_executable';
    case 'EAGAIN':
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
      return 'too_many_processes';
    case 'E2BIG':
    case 'EINVAL':
    case 'ERR_INVALID_ARG_VALUE':
      return 'arguments';
    default:
      return 'other';
  }
}

/** The words to put before a command; empty where the machine has no such program. */
export interface Prefixes {
  /** The kernel kills the child when this process ends, and the child gains no privileges by what it executes. */
  readonly confined: readonly string[];
  /** The same, but that set-user-id programs, such as sudo, work; a child that executes one loses the death signal. */
  readonly free: readonly string[];
}

const DEATH_SIGNAL = ['--pdeathsig', 'KILL'];
const NO_NEW_PRIVILEGES = ['--no-new-privs'];

/** Asked once at start. The death signal is good only for children started from the main thread. */
export async function launchPrefixes(path = process.env['PATH']): Promise<Prefixes> {
  const file = process.platform === 'linux' ? await find('setpriv', '/', path).catch(() => undefined) : undefined;
  if (file === undefined) return { confined: [], free: [] };
  // Busybox has a setpriv that knows no death signal, and old ones do not know the other.
  const [signal, confined] = await Promise.all([DEATH_SIGNAL, NO_NEW_PRIVILEGES].map((option) => taken(file, option)));
  const prefix = (options: readonly string[] = []): readonly string[] => (options.length === 0 ? [] : [file, ...options, '--']);
  return { confined: prefix([...signal!, ...confined!]), free: prefix(signal) };
}

/** The option, if the program has it and it may be used here. */
async function taken(file: string, option: readonly string[]): Promise<readonly string[]> {
  const { failed } = await execa(file, [...option, '--', '/bin/sh', '-c', ':'], { reject: false, stdio: 'ignore', timeout: 5000 });
  return failed ? [] : option;
}
