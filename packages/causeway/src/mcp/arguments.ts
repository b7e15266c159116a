/**
 * Owns the arguments of a tool as words of a command line: `name=value`, each in the type that the tool's schema says.
 * Invariant: nothing is given up on the way: what is no such value, is not asked for, or is missing, is said before the call.
 */
import { nearest } from '@causeway/config';
import { EXIT, Failure } from '../failure.ts';
import { signatureOf, type Parameter, type Tool } from './tools.ts';

/** Throws a `Failure` for what the schema forbids. */
export function toolArguments(pairs: readonly string[], tool: Tool): Readonly<Record<string, unknown>> {
  const { parameters, open } = signatureOf(tool);
  const hints = parameters.length === 0 ? [] : [`${tool.name} takes: ${parameters.map(parameterLabel).join(' ')}`];
  const fail = (text: string): Failure => new Failure(EXIT.usage, text, hints);
  const given = new Map<string, string[]>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    given.set(pair.slice(0, at), [...(given.get(pair.slice(0, at)) ?? []), pair.slice(at + 1)]);
  }
  const names = parameters.map(({ name }) => name);
  const values = [...given].map(([name, texts]): [string, unknown] => {
    const parameter = parameters.find((one) => one.name === name);
    if (parameter === undefined && !open) {
      const guess = nearest(name, names);
      throw fail(`${tool.name} has no argument "${name}"${guess === undefined ? '' : `; did you mean "${guess}"?`}`);
    }
    if (parameter?.types.has('array')) return [name, listOf(texts, parameter, fail)];
    if (texts.length > 1) throw fail(`${name} is given ${texts.length} times`);
    return [name, valueOf(name, texts[0]!, parameter?.types ?? new Set(), fail)];
  });
  const missing = parameters.filter(({ name, required }) => required && !given.has(name)).map(({ name }) => name);
  if (missing.length > 0) throw fail(`${tool.name} also needs ${missing.join(', ')}`);
  return Object.fromEntries(values);
}

type Fail = (text: string) => Failure;

/** Text where it may be text, a list of JSON, or the elements, one a word. */
function listOf(texts: readonly string[], { name, types, items }: Parameter, fail: Fail): unknown {
  const [only] = texts;
  if (texts.length === 1 && (only!.startsWith('[') || types.has('string'))) return valueOf(name, only!, types, fail);
  return texts.map((text) => valueOf(name, text, items, fail));
}

const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** Text where it may be text, or nothing is known; else what the text is of these types. */
function valueOf(name: string, text: string, types: ReadonlySet<string>, fail: Fail): unknown {
  if (types.size === 0 || types.has('string')) return text;
  const number = Number(text);
  if (NUMBER.test(text) && (types.has('number') || (types.has('integer') && Number.isInteger(number)))) {
    if (/^-?\d+$/.test(text) && BigInt(text) !== BigInt(number)) throw fail(`${name}=${text}: a number here is not that exact`);
    return number;
  }
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (types.has('null') && text === 'null') return null;
  if ((types.has('object') && text.startsWith('{')) || (types.has('array') && text.startsWith('['))) {
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw fail(`${name}: ${(error as Error).message}`);
    }
  }
  throw fail(`${name}=${text}: expected ${[...types].map((type) => KINDS[type] ?? type).join(' or ')}`);
}

const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object of JSON, {…}',
  array: 'a list of JSON, […]',
};

/** Values of an enumeration that are shown. */
const SHOWN = 5;

/** `a=number`, `[level=debug|info]`: in brackets what may be left out. */
export function parameterLabel({ name, required, types, values, items }: Parameter): string {
  const list = types.has('array') && items.size > 0 ? [`${[...items].join('|')}…`] : [...types];
  const kind = values.length > 0 ? [...values.slice(0, SHOWN), ...(values.length > SHOWN ? ['…'] : [])] : list;
  const label = kind.length === 0 ? `${name}=…` : `${name}=${kind.join('|')}`;
  return required ? label : `[${label}]`;
}
