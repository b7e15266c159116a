/**
 * Owns what may come next on a command line, for a shell that asks. The lines of the help are its grammar, so that there is no
 * second list of verbs, words and options.
 * Invariant: it says nothing rather than something wrong; it asks a bridge only for what has ids or names of its own, of which ids may
 * begin as options do.
 */
import { FLAGS, takes } from './flags.ts';
import { usageOf } from './help.ts';
import { isRole, isVerb, VERBS, type Verb } from './verbs.ts';

/** Ids and names of a running bridge, where one is found. */
export type Names = (of: 'sessions' | 'workers' | 'servers') => Promise<readonly string[]>;

/** `line` is what stands behind `causeway`; its last word is being written. */
export async function completions(line: readonly string[], names: Names): Promise<readonly string[]> {
  const current = line.at(-1) ?? '';
  const found = await candidates(line.slice(0, -1), current, names);
  return found.filter((word) => word.startsWith(current));
}

async function candidates([first, ...rest]: readonly string[], current: string, names: Names): Promise<readonly string[]> {
  if (first === undefined && !current.startsWith('-')) return VERBS;
  if (first === 'help') return rest.length === 0 ? VERBS : [];
  const verb = isVerb(first) ? first : 'run';
  const before = isVerb(first) || first === undefined ? rest : [first, ...rest];
  // What stands there is a command of somebody else.
  if (before.includes('--')) return [];
  const options = optionsOf(verb);
  const value = options.get(before.at(-1) ?? '');
  if (value !== undefined) return alternatives(value);
  const dashed = current.startsWith('-');
  const words = before.filter((word, at) => !word.startsWith('-') && options.get(before[at - 1] ?? '') === undefined);
  const next = new Set(linesOf(verb).flatMap((tokens) => following(tokens, words) ?? []));
  const lists = [...next].map(async (token) => {
    if (/^ID…?$/.test(token) && (verb === 'sessions' || verb === 'workers')) return names(verb);
    if (dashed) return [];
    return token === '[SERVER]' ? names('servers') : alternatives(token);
  });
  return [...(dashed ? options.keys() : []), ...(await Promise.all(lists)).flat()];
}

/** What is written as it stands: `ls` of `[ls]`, `bash` and `zsh` of `bash|zsh`; nothing of `PORT`. */
function alternatives(token: string): readonly string[] {
  return token
    .replaceAll(/[[\]]/g, '')
    .split('|')
    .filter((word) => /^[a-z][a-z-]*$/.test(word));
}

/** The options of a verb, each with what it takes: `undefined` for a switch. */
function optionsOf(verb: Verb): ReadonlyMap<string, string | undefined> {
  const usage = usageOf(verb);
  const own = [...usage.matchAll(/(?<![\w-])(--[a-z-]+|-[a-z])(?: ([^\s\]]+))?/g)].map(
    ([, name, value]) => [name!, value === undefined || value.startsWith('[') ? undefined : value] as const,
  );
  const shared = isRole(verb) && /\[options\]/.test(usage) ? FLAGS.filter((flag) => takes(verb, flag)) : [];
  return new Map([...shared.map(({ name, arg }) => [name, arg] as const), ...own]);
}

/** The words of each line of a verb's usage, without its options and what is said of it. */
function linesOf(verb: Verb): readonly (readonly string[])[] {
  return usageOf(verb)
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/)[0]!)
    .filter((line) => line === `causeway ${verb}` || line.startsWith(`causeway ${verb} `))
    .map((line) =>
      line
        .replaceAll(/\[--[^\]]*\]|--\S*( [A-Z]+)?|\[options\]/g, '')
        .split(' ')
        .filter((token) => token !== '')
        .slice(2),
    );
}

/** The token behind `words` on a line that begins with them; what is in brackets may be passed over, what ends in `…` comes again. */
function following(tokens: readonly string[], words: readonly string[]): readonly string[] | undefined {
  for (const [at, word] of words.entries()) {
    const token = tokens[at] ?? tokens.at(-1);
    if (token === undefined || (at >= tokens.length && !token.endsWith('…'))) return undefined;
    const written = alternatives(token);
    if (written.length > 0 && !written.includes(word)) return undefined;
  }
  const next = tokens[words.length] ?? (tokens.at(-1)?.endsWith('…') ? tokens.at(-1) : undefined);
  return next === undefined ? undefined : [next];
}
