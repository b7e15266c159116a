/**
 * Owns the step from a parsed command line to what `loadConfig` takes: which option sets what, which words are the
 * command. Keeps: a bare number of ten thousand or more is no number of seconds; nothing given is left unused.
 */
import { resolve } from 'node:path';
import type { CommandServer, LoadInput, Override } from '@causeway/config';
import { EXIT, Failure } from './failure.ts';
import { FLAGS } from './flags.ts';

/** What commander yields: by camelCase name. */
export type Given = Readonly<Record<string, unknown>>;

export interface Line {
  readonly given: Given;
  /** The command behind the options. */
  readonly words: readonly string[];
  /** What the user wrote, by our option's name. */
  readonly spelled: ReadonlyMap<string, string>;
}

const TIMES = new Set(['--idle', '--start-timeout', '--request-timeout', '--drain-timeout', '--drain-delay']);

/** Throws a `Failure` for what cannot be meant. `splitCommand` and `splitName` come from the config package. */
export function loadInput(line: Line, splitCommand: (text: string) => string[]): LoadInput {
  const { given } = line;
  const commands = commandServers(line, splitCommand);
  const file = text(given['config']);
  return {
    ...(file === undefined ? {} : { file }),
    imports: texts(given['namedServerConfig']),
    env: process.env,
    cwd: process.cwd(),
    overrides: overrides(line),
    commands,
  };
}

function overrides({ given, spelled }: Line): Override[] {
  if (given['corsHeader'] !== undefined && given['cors'] === undefined)
    throw new Failure(EXIT.usage, `${spelled.get('--cors-header') ?? '--cors-header'} says nothing without --cors, which lets pages call`);
  return FLAGS.flatMap((flag): Override[] => {
    const value = given[attribute(flag.name)];
    if (flag.path === undefined || value === undefined || flag.name === '--cors-header') return [];
    const origin = spelled.get(flag.name) ?? flag.name;
    return [{ path: flag.path, value: valueOf(flag.name, value, given, origin), origin }];
  });
}

function valueOf(name: string, value: unknown, given: Given, origin: string): unknown {
  if (TIMES.has(name) && /^\d{5,}$/.test(String(value))) {
    throw new Failure(
      EXIT.usage,
      `${origin} ${String(value)}: a bare number means seconds here; write ${String(value)}ms or ${Math.round(Number(value) / 1000)}s`,
    );
  }
  switch (name) {
    case '--env':
      return Object.fromEntries(texts(value).map((pair) => pairOf(pair, '=', origin)));
    case '--header':
      return Object.fromEntries(texts(value).map((pair) => pairOf(pair, ':', origin)));
    case '--cors':
      return {
        origins: texts(value).flatMap((one) => (one.startsWith('/') ? [one] : one.split(','))),
        headers: texts(given['corsHeader']),
      };
    case '--nats':
    case '--allowed-hosts':
    case '--allowed-origins':
      return texts(value).flatMap((one) =>
        one
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      );
    case '--cwd':
    case '--env-file':
      return resolve(String(value));
    default:
      return value;
  }
}

/** Throws a `Failure` for what is no pair; `origin` is the option that has it. */
export function pairOf(
  pair: string,
  separator: string,
  origin: string,
  form = separator === '=' ? 'NAME=VALUE' : '"Name: value"',
): [string, string] {
  const at = pair.indexOf(separator);
  if (at <= 0) throw new Failure(EXIT.usage, `${origin} ${pair}: expected ${form}`);
  return [pair.slice(0, at).trim(), separator === '=' ? pair.slice(at + 1) : pair.slice(at + 1).trim()];
}

function commandServers({ given, words, spelled }: Line, splitCommand: (text: string) => string[]): CommandServer[] {
  const shell = given['shell'] === true;
  const servers = texts(given['server']).map((definition): CommandServer => {
    const [name, command] = pairOf(definition, '=', spelled.get('--server') ?? '--server', 'NAME=COMMAND');
    return { name, ...split(command, '--server', shell, splitCommand) };
  });
  const stdio = text(given['stdio']);
  if (stdio !== undefined && words.length > 0)
    throw new Failure(EXIT.usage, `there are two commands: --stdio "${stdio}" and "${words.join(' ')}"`, [
      'give the second as --server NAME="…"',
    ]);
  const name = text(given['name']);
  if (stdio === undefined && words.length === 0) {
    if (name !== undefined) throw new Failure(EXIT.usage, '--name names the server of a command, and there is none');
    return servers;
  }
  const main =
    stdio !== undefined
      ? split(stdio, '--stdio', shell, splitCommand)
      : shell
        ? { command: words.join(' '), args: [], origin: 'command line' }
        : { command: words[0]!, args: words.slice(1), origin: 'command line' };
  return [{ ...main, default: true, ...(name === undefined ? {} : { name }) }, ...servers];
}

function split(
  line: string,
  origin: string,
  shell: boolean,
  splitCommand: (text: string) => string[],
): { command: string; args: readonly string[]; origin: string } {
  if (shell) return { command: line, args: [], origin };
  if (/["']/.test(line.replaceAll(/"[^"]*"|'[^']*'/g, ''))) throw new Failure(EXIT.usage, `${origin}: a quote is not closed`);
  const [command, ...args] = splitCommand(line);
  if (command === undefined) throw new Failure(EXIT.usage, `${origin}: the command is empty`);
  return { command, args, origin };
}

/** `--base-url` → `baseUrl`, as commander names it; `--no-probe` → `probe`. */
function attribute(name: string): string {
  return name.replace(/^--(?:no-)?/, '').replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function texts(value: unknown): string[] {
  return [value].flat().flatMap((one) => (one === true ? ['*'] : typeof one === 'string' ? [one] : []));
}
