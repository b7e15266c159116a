/**
 * Owns the command lines of operators: the options that they share, and what they print. Data goes to stdout, all else
 * to stderr. Keeps: an id that begins with a hyphen is an id; what destroys asks first.
 */
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { tokenOf } from '@causeway/protocol';
import type { Asked } from './admin-client.ts';
import { EXIT, Failure, say, warn } from './failure.ts';
import { meant, meantOption } from './meant.ts';

export interface Operation extends Asked {
  readonly words: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
  readonly yes: boolean;
  readonly server?: string;
  readonly limit?: string;
}

const OPTIONS = {
  admin: { type: 'string' },
  token: { type: 'string' },
  format: { type: 'string' },
  quiet: { type: 'boolean', short: 'q' },
  yes: { type: 'boolean', short: 'y' },
  server: { type: 'string' },
  limit: { type: 'string' },
} as const;

type Extra = 'quiet' | 'yes' | 'server' | 'limit';

/** The verb behind a noun, and the rest: `sessions kill X`; a noun alone lists. Throws a `Failure` for one that there is not. */
export async function subverb(
  noun: string,
  argv: readonly string[],
  verbs: readonly string[],
): Promise<readonly [verb: string, rest: readonly string[]]> {
  const [verb, ...rest] = argv;
  if (verb === undefined || verb.startsWith('-')) return ['ls', argv];
  if (verbs.includes(verb)) return [verb, rest];
  const guess = await meant(verb, verbs);
  throw new Failure(EXIT.usage, `unknown: ${noun} ${verb}${guess === undefined ? '' : ` (did you mean "${guess}"?)`}`, [
    `causeway ${noun} ${verbs.join(' | ')}`,
  ]);
}

/** `extra`: options besides those that every operation takes. `most`: how many words may stand behind them. */
export async function parseOperation(argv: readonly string[], extra: readonly Extra[], most: number): Promise<Operation> {
  const known = ['admin', 'token', 'format', ...extra] as const;
  const options = Object.fromEntries(known.map((name) => [name, OPTIONS[name]]));
  const { values, positionals } = await parse(joined(argv), options);
  const text = (name: string): string | undefined => (typeof values[name] === 'string' ? values[name] : undefined);
  const json = isJson(text('format'));
  checkWords(positionals, most);
  const [admin, token, server, limit] = [text('admin'), text('token'), text('server'), text('limit')];
  return {
    words: positionals,
    json,
    quiet: values['quiet'] === true,
    yes: values['yes'] === true,
    ...(admin === undefined ? {} : { admin }),
    ...(token === undefined ? {} : { token }),
    ...(server === undefined ? {} : { server }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/** Whether an answer is to be one JSON document. Throws a `Failure` for a format that there is not. */
export function isJson(format = 'table'): boolean {
  if (format === 'table' || format === 'json') return format === 'json';
  throw new Failure(EXIT.usage, `--format ${format}: there are table and json`);
}

export function checkWords(words: readonly string[], most: number, ...hints: readonly string[]): void {
  if (words.length > most) throw new Failure(EXIT.usage, `"${words[most]}" is left over`, hints);
}

/** Takes an option out of a line that is a role's otherwise; what stands behind `--` is the command's. */
export function takeOption(
  argv: readonly string[],
  name: string,
): { readonly value: string | undefined; readonly rest: readonly string[] } {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const at = argv.findIndex((word, index) => index < end && (word === name || word.startsWith(`${name}=`)));
  if (at < 0) return { value: undefined, rest: argv };
  const alone = argv[at] === name;
  return { value: (alone ? argv[at + 1] : argv[at]!.slice(name.length + 1)) ?? '', rest: argv.toSpliced(at, alone ? 2 : 1) };
}

export function formatOf(argv: readonly string[]): { readonly json: boolean; readonly rest: readonly string[] } {
  const { value, rest } = takeOption(argv, '--format');
  return { json: isJson(value), rest };
}

type Options = Record<string, (typeof OPTIONS)[keyof typeof OPTIONS]>;

async function parse(args: string[], options: Options): Promise<{ values: Record<string, unknown>; positionals: string[] }> {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    const { message } = error as Error;
    const names = Object.keys(options).map((one) => `--${one}`);
    const hints = await meantOption(message, names);
    throw new Failure(EXIT.usage, message.split('. ')[0]!, hints.length > 0 ? hints : [`there are ${names.join(' ')}`]);
  }
}

/** Session ids may begin with hyphens: such words go behind `--`. Values of options may, too: they are joined to their names. */
function joined(argv: readonly string[]): string[] {
  const line: string[] = [];
  const ids: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at]!;
    if (word === '--') return [...line, '--', ...ids, ...argv.slice(at + 1)];
    const name = word.startsWith('--') ? word.slice(2) : '';
    const takes = Object.hasOwn(OPTIONS, name) && OPTIONS[name as keyof typeof OPTIONS].type === 'string';
    const next = argv[at + 1];
    if (takes && (next === undefined || next === '--' || isOption(next))) throw new Failure(EXIT.usage, `${word} needs a value`);
    if (takes) line.push(`${word}=${argv[(at += 1)]!}`);
    else if (/^-[\w-]{21}$/.test(word) || /^-\w[\w-]{3,20}$/.test(word)) ids.push(word);
    else line.push(word);
  }
  return [...line, '--', ...ids];
}

function isOption(word: string): boolean {
  return word.startsWith('--') && Object.hasOwn(OPTIONS, word.slice(2).split('=')[0]!);
}

/** The token of a session that is named by it, by its beginning, or by the id that a client holds. */
export function sessionName(word: string): string {
  const name = tokenOf(word) ?? word;
  if (/^[\w-]{1,22}$/.test(name)) return name;
  throw new Failure(EXIT.usage, `${JSON.stringify(word)} is no session: they are named by the ids that "sessions ls" shows`);
}

export function workerName(word: string): string {
  if (/^[0-9A-Za-z]{1,12}$/.test(word)) return word;
  throw new Failure(EXIT.usage, `${JSON.stringify(word)} is no worker: they are named by the ids that "workers ls" shows`);
}

/** Goes on only after a yes: by the option, or at the terminal. Throws a `Failure` otherwise. */
export async function confirm(yes: boolean, question: string): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new Failure(EXIT.usage, `${question} Say so with --yes.`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const over = new AbortController();
  lines.once('close', () => over.abort());
  const answer = await lines
    .question(`${question} [y/N] `, { signal: over.signal })
    .catch(() => '')
    .finally(() => lines.close());
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new Failure(EXIT.usage, 'left as it is');
}

export function print(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

/** One JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

export interface Listing {
  readonly document: unknown;
  readonly names: readonly string[];
  readonly lines: readonly string[];
  /** What a list of nothing is called, e.g. `no sessions`. */
  readonly none: string;
}

export function printList({ json, quiet }: Pick<Operation, 'json' | 'quiet'>, { document, names, lines, none }: Listing): void {
  if (json) return printJson(document);
  if (names.length === 0 && !quiet) say(none);
  print(quiet ? names : lines);
}

/** The bus as an answer says it was. */
export function warnOfBus(bus: string): void {
  if (bus !== 'connected') warn(`the edge's bus is ${bus}: this is what was last seen`);
}
