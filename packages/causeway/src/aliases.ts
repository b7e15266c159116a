/**
 * Owns the peers' command lines: supergateway's and both mcp-proxies' names for what we have, rewritten into ours
 * before they are parsed. Pure.
 *
 * Invariants: a peer's value keeps the peer's unit (their durations are milliseconds); an option whose function is
 * missing here passes only where it changes nothing, anything else is refused by name: never silently nothing.
 * Words after `--` are never looked at; neither it nor one of the options is ever taken for another's value, which may
 * be missing because a variable was empty.
 */
import { ALIASES, REVERSE, TRAILING, type Alias } from './alias-table.ts';
import { FLAGS, kebabCase } from './flags.ts';

export interface Rewritten {
  readonly argv: readonly string[];
  /** What the user wrote, by our option's name: for messages. */
  readonly spelled: ReadonlyMap<string, string>;
  /** Why the line cannot be served. */
  readonly refusals: readonly string[];
  readonly notes: readonly string[];
  /** `--help` stands among the options: not behind the command, nor as what another option takes. */
  readonly help: boolean;
}

const ARITY = new Map(
  FLAGS.flatMap((flag) => [flag.name, flag.short ?? flag.name].map((name) => [name, flag.arg === undefined ? 0 : 1] as const)),
);

/** Options that are neither in the table of ours nor in that of the peers. */
const SPECIAL = new Set(['--named-server', '--endpoint', '--debug', '--allow-origin', '--help']);

export function rewrite(argv: readonly string[]): Rewritten {
  return new Rewriting(argv).run();
}

class Rewriting {
  readonly #left: string[];
  readonly #out: string[] = [];
  readonly #spelled = new Map<string, string>();
  readonly #refusals: string[] = [];
  readonly #notes: string[] = [];
  #help = false;
  #endpoint: string | undefined;
  #transport: string | undefined;

  constructor(argv: readonly string[]) {
    this.#left = [...argv];
  }

  run(): Rewritten {
    while (this.#left.length > 0 && this.#left[0] !== '--' && this.#left[0]!.startsWith('-') && this.#left[0] !== '-')
      this.#option(this.#left.shift()!);
    const rest = this.#left[0] === '--' ? this.#left : this.#trailing();
    if (/^https?:\/\//.test(rest[0] ?? '')) this.#refusals.push(`${rest[0]}: ${REVERSE}`);
    if (this.#endpoint !== undefined) this.#placeEndpoint(this.#endpoint);
    return { argv: [...this.#out, ...rest], spelled: this.#spelled, refusals: this.#refusals, notes: this.#notes, help: this.#help };
  }

  #option(word: string): void {
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const given = equals < 0 ? word : word.slice(0, equals);
    const inline = equals < 0 ? undefined : word.slice(equals + 1);
    const kebab = kebabCase(given);
    if (given === '--help' || given === '-h') this.#help = true;
    if (this.#special(given, kebab, inline)) return;
    const alias = Object.hasOwn(ALIASES, given) ? ALIASES[given] : Object.hasOwn(ALIASES, kebab) ? ALIASES[kebab] : undefined;
    if (alias === undefined) this.#own(given, kebab, inline);
    else if ('to' in alias) {
      const value = this.#value(given, inline);
      if (value !== undefined) this.#put(alias.to, given, alias.ms && /^\d+(?:\.\d+)?$/.test(value) ? `${value}ms` : value);
    } else if ('refuse' in alias) {
      if (alias.value && inline === undefined) this.#next();
      this.#refusals.push(`${given}: ${alias.refuse}`);
    } else this.#drop(given, alias, inline);
  }

  #drop(given: string, alias: Extract<Alias, { drop: unknown }>, inline: string | undefined): void {
    // yargs takes `--stateful=true`; `=false` is the opposite of what would be dropped.
    if (alias.drop === 'switch') {
      if (inline === 'false') this.#refusals.push(`${given}=false: ${alias.otherwise ?? 'leave it out'}`);
      return;
    }
    const value = this.#value(given, inline);
    if (value !== undefined && alias.drop !== 'value' && !alias.drop.includes(value))
      this.#refusals.push(`${given} ${value}: ${alias.otherwise}`);
  }

  /** Options with a form of their own. Whether it was one. */
  #special(given: string, kebab: string, inline: string | undefined): boolean {
    if (given === '-v' || given === '-q' || given === '--debug') this.#put('--log-level', given, given === '-q' ? 'warn' : 'debug');
    else if (kebab === '--named-server') {
      const name = inline ?? this.#next();
      const command = this.#next();
      if (name === undefined || command === undefined) this.#refusals.push(`${given} needs a name and a command`);
      else this.#put('--server', given, `${name}=${command}`);
    } else if (given === '--server' && ['sse', 'stream'].includes(inline ?? this.#left[0] ?? ''))
      this.#transport = inline ?? this.#left.shift();
    else if (given === '--endpoint') this.#endpoint = this.#value(given, inline) ?? this.#endpoint;
    else if (given === '-e' || given === '--env') this.#variable(given, inline);
    else if (kebab === '--cors' || kebab === '--allow-origin') this.#origins(given, inline);
    else return false;
    return true;
  }

  /** mcp-proxy writes a name and a value as two words. */
  #variable(given: string, inline: string | undefined): void {
    const first = inline ?? this.#next();
    const value = first === undefined || first.includes('=') ? undefined : this.#next();
    if (first === undefined) this.#refusals.push(`${given} needs NAME=VALUE`);
    else if (first.includes('=')) this.#put('--env', given, first);
    else if (value === undefined) this.#refusals.push(`${given} ${first} needs a value: ${first}=VALUE`);
    else this.#put('--env', given, `${first}=${value}`);
  }

  #origins(given: string, inline: string | undefined): void {
    const origins = inline === undefined ? [] : [inline];
    const like = (word: string | undefined): word is string =>
      word !== undefined &&
      (/^(?:\*|null|\/.+\/?|.*:\/\/.*)$/.test(word) || (given !== '--cors' && origins.length === 0 && !word.startsWith('-')));
    while (inline === undefined && like(this.#left[0])) origins.push(this.#left.shift()!);
    for (const origin of origins.length === 0 ? ['*'] : origins) this.#put('--cors', given, origin);
  }

  #own(given: string, kebab: string, inline: string | undefined): void {
    const name = ARITY.has(kebab) ? kebab : given;
    const arity = ARITY.get(name);
    if (name !== given) this.#spelled.set(name, given);
    if (arity !== 1) return void this.#out.push(inline === undefined || (arity === 0 && inline === 'true') ? name : `${name}=${inline}`);
    const value = this.#value(given, inline);
    // An empty key would be no key: whoever gives one means to ask for one.
    if (name === '--api-key' && value?.trim() === '') this.#refusals.push(`${given} needs a value`);
    else if (value !== undefined) this.#out.push(`${longOf(name)}=${value}`);
  }

  /** What an option takes; where that is missing, the line is refused. */
  #value(given: string, inline: string | undefined): string | undefined {
    const value = inline ?? this.#next();
    if (value === undefined) this.#refusals.push(`${given} needs a value`);
    return value;
  }

  /** The next word, unless it is `--` or an option, as where `$KEY` is empty in `--api-key $KEY --port 9`. */
  #next(): string | undefined {
    const word = this.#left[0];
    return word === undefined || word === '--' || isOption(word) ? undefined : this.#left.shift();
  }

  #put(name: string, given: string, value: string): void {
    if (name !== given) this.#spelled.set(name, given);
    this.#out.push(`${name}=${value}`);
  }

  #placeEndpoint(path: string): void {
    if (this.#transport === 'sse') this.#put('--sse-path', '--endpoint', path);
    else if (this.#transport === 'stream') this.#put('--mcp-path', '--endpoint', path);
    else this.#refusals.push('--endpoint needs --server sse or --server stream; both are served, --sse-path and --mcp-path name each');
  }

  /** The command, without options of a peer behind it: those are ours, as they are the peer's. */
  #trailing(): string[] {
    const words = this.#left;
    for (let at = 1; at < words.length; at += 1) {
      if (!this.#isTail(words.slice(at))) continue;
      const tail = words.slice(at);
      // What they take may be a secret.
      const named = tail
        .filter((word) => word.startsWith('-'))
        .map((word) => word.split('=')[0])
        .join(', ');
      const outer = words.slice(0, at);
      this.#left.splice(0, words.length, ...tail);
      while (this.#left.length > 0) this.#option(this.#left.shift()!);
      const host = this.#out.findLast((word) => word.startsWith('--host='));
      if (host !== undefined && tail.some((word) => /^--(?:sse-)?host/.test(word)) && !/^--host=(?:127\.|localhost$|::1$)/.test(host))
        this.#refusals.push(
          `${named}: behind the command this may be meant for it; put causeway's --host before the command, or "--" before the command to give it all`,
        );
      this.#notes.push(`${named} taken as causeway's own; write "--" before the command to give it to the command`);
      return outer;
    }
    return words;
  }

  #isTail(words: readonly string[]): boolean {
    let at = 0;
    while (at < words.length) {
      const word = words[at]!;
      const name = word.split('=')[0]!;
      if (!TRAILING.has(name)) return false;
      at += 1;
      const switches = ['--pass-environment', '--no-pass-environment', '--stateless', '--no-stateless', '--debug', '--no-debug'];
      if (word.includes('=') || switches.includes(name)) continue;
      const values = name === '--named-server' || ((name === '-e' || name === '--env') && !words[at]?.includes('=')) ? 2 : 1;
      at += values;
      if (at > words.length) return false;
    }
    return at > 0;
  }
}

/** One of the long options that there are, in either spelling, with a value or without. */
function isOption(word: string): boolean {
  const [given = ''] = word.split('=');
  return (
    word.startsWith('--') && [given, kebabCase(given)].some((name) => ARITY.has(name) || Object.hasOwn(ALIASES, name) || SPECIAL.has(name))
  );
}

function longOf(short: string): string {
  return FLAGS.find((flag) => flag.short === short)?.name ?? short;
}
