/**
 * Owns reading a command line of an MCP server: its words, the name it deserves, the time it may take to start.
 * Pure. Keeps: no shell is imitated; a line is split at blanks and quotes, nothing else.
 */
import { basename, dirname } from 'node:path';
import stringArgv from 'string-argv';
import { toServerName } from './schema.ts';

/** The words of a line, quotes taken off. */
export function splitCommand(line: string): string[] {
  return stringArgv(line);
}

const START_MS = 30_000;
const FETCH_START_MS = 120_000;
/** Programs that may have to download before they start. */
const FETCHERS = new Set([
  'npx',
  'npm',
  'pnpm',
  'pnpx',
  'yarn',
  'bunx',
  'bun',
  'uvx',
  'uv',
  'pipx',
  'docker',
  'podman',
  'deno',
  'dnx',
  'nix',
  'go',
]);

/** Milliseconds that a command is given to answer initialize when nobody said. */
export function defaultStartTimeout(command: string): number {
  const program = basename(command.trim().split(/\s+/)[0] ?? '').replace(/\.(?:exe|cmd)$/i, '');
  return FETCHERS.has(program) ? FETCH_START_MS : START_MS;
}

/** A name for a server that was given as a command line: of its package, without what all of them are called. */
export function serverNameOf(command: string, args: readonly string[]): string {
  const program = basename(command.trim().split(/\s+/)[0] ?? '');
  const runner = FETCHERS.has(program);
  const script = !runner && /^(?:node|python\d?(?:\.\d+)?|ruby|tsx|ts-node|java|sh|bash)$/.test(program);
  const first = runner || script || !/mcp|server/i.test(program) ? packageWord(args, program) : undefined;
  // An unknown program in front of what is plainly a server's package is some runner, perhaps a mistyped one.
  const chosen = first !== undefined && (runner || script || /mcp|server/i.test(first)) ? first : command;
  return toServerName(plainName(chosen));
}

/** Options of package runners that take the next word. */
const VALUED = new Set([
  '-p',
  '--package',
  '--from',
  '--with',
  '--python',
  '--call',
  '-c',
  '-e',
  '--env',
  '-v',
  '--volume',
  '--name',
  '--mount',
  '--network',
  '--registry',
  '-w',
  '--workdir',
  '--user',
  '-u',
  '--entrypoint',
]);

function packageWord(words: readonly string[], program: string): string | undefined {
  const module = words.indexOf('-m');
  if (module >= 0 && program.startsWith('python')) return words[module + 1];
  const verbs = new Set(['run', 'exec', 'dlx', 'x', 'tool', 'create']);
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index]!;
    if (VALUED.has(word) && words.length > index + 2) index += 1;
    else if (!word.startsWith('-') && !verbs.has(word)) return word;
  }
  return undefined;
}

function plainName(word: string): string {
  const scoped = word.replace(/(?<=.)[@:][^/@]*$/, '');
  const parent = basename(dirname(scoped));
  const base = basename(scoped).replace(/\.(?:[cm]?[jt]s|py|rb|jar|sh|exe)$/i, '');
  const named =
    /^(?:index|main|server|cli|app|dist|build|src)$/i.test(base) && parent !== '' && parent !== '.'
      ? basename(scoped.replace(/(?:\/(?:dist|build|src|bin|lib|index|main|server|cli|app)(?:\.\w+)?)+$/i, ''))
      : base;
  const short = named
    .replace(/^(?:mcp-)?server-/, '')
    .replace(/^mcp[-_]/, '')
    .replace(/[-_]mcp$/, '')
    .replace(/[-_]mcp[-_]server$/, '')
    .replace(/[-_]server$/, '');
  return /^\.*$/.test(short) ? base : short;
}
