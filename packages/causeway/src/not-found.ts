/** Owns what is said when a command does not exist: the one that was probably meant, where to get it, where we looked. */
import { nearest, type ServerConfig } from '@causeway/config';
import { EXIT, Failure } from './failure.ts';
import { findCommand, folders, INSTALL, programs } from './find-command.ts';

/** Lines of hints for a program that is not on `path`. */
export function notFoundHint(command: string, path: string): string[] {
  const looked = `looked in $PATH (${folders(path).length} directories)`;
  const shell = shellHint(command);
  if (shell !== undefined) return [`hint: causeway runs no shell: ${shell}`];
  const runner = runnerHint(command);
  if (runner !== undefined) return [`hint: ${runner}`];
  if (/\s/.test(command)) return ['hint: the command has blanks in it; give its arguments as words of their own, or in "args"'];
  if (command.includes('/')) return ['hint: there is no program at that path, or it may not be executed'];
  const known = nearest(command, INSTALL.keys());
  const meant = known ?? nearest(command, programs(path), 1);
  const install = INSTALL.get(meant ?? '');
  if (command === meant) return [`hint: install it from ${install ?? 'its vendor'}     ${looked}`];
  return meant === undefined
    ? [`hint: ${looked}`]
    : [`hint: is it "${meant}"?${install === undefined ? '' : `  (install: ${install})`}     ${looked}`];
}

/** For what only a shell understands, at the beginning of a line or all of it: supergateway, for one, has a shell run it. */
function shellHint(command: string): string | undefined {
  const [, variable] = /^([A-Za-z_]\w*)=/.exec(command) ?? [];
  const through = 'and --shell runs the line through a shell';
  if (variable !== undefined) return `-e ${variable}=… sets a variable of the child ("env" in a file), ${through}`;
  if (/^cd(?:\s|$)/.test(command)) return `--cwd is the directory of the child ("cwd" in a file), ${through}`;
  if (/[|&;<>$`]|^(?:exec|export|source|eval|ulimit)(?:\s|$)/.test(command)) return '--shell runs the line through one ("shell" in a file)';
  return undefined;
}

/** What runs the files that servers are written in, by their ends. */
const INTERPRETERS: Readonly<Record<string, string>> = { js: 'node', mjs: 'node', cjs: 'node', ts: 'node', py: 'python3', rb: 'ruby' };

/** For what is no program, but a script or a package. */
function runnerHint(command: string): string | undefined {
  if (/^@[\w.-]+\/[\w.-]+(?:@[\w.^~-]+)?$/.test(command)) return `a package is run by npx: npx -y ${command}`;
  const interpreter = INTERPRETERS[/\.([a-z]+)$/.exec(command)?.[1] ?? ''];
  return interpreter === undefined || /\s/.test(command) ? undefined : `a script is run by its interpreter: ${interpreter} ${command}`;
}

/** The failure for a server whose command does not exist, or `undefined` when it does or cannot be judged. */
export function missingCommand(server: ServerConfig, env: Readonly<Record<string, string | undefined>>): Failure | undefined {
  if (server.shell) return undefined;
  const path = server.env['PATH'] ?? env['PATH'] ?? '';
  if (findCommand({ command: server.command, path, ...(server.cwd === undefined ? {} : { cwd: server.cwd }) }) !== undefined)
    return undefined;
  return new Failure(
    EXIT.notFound,
    `cannot start "${server.name}": command not found: ${server.command}`,
    notFoundHint(server.command, path),
  );
}
