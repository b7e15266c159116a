/** Owns what is said when a command does not exist: the one that was probably meant, where to get it, where we looked. */
import { nearest, type ServerConfig } from '@causeway/config';
import { EXIT, Failure } from './failure.ts';
import { findCommand, folders, INSTALL, programs } from './find-command.ts';

/** Lines of hints for a program that is not on `path`. */
export function notFoundHint(command: string, path: string): string[] {
  const looked = `looked in $PATH (${folders(path).length} directories)`;
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
