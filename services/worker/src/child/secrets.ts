/**
 * Owns which of a child's variables are secrets, and taking them out of what it prints before a log or a client sees it. Pure.
 *
 * Invariants:
 *  1. A value counts by the name of its variable, or by user info in a URL, whose password then counts too; never by its look.
 *  2. At most `VALUES` values are looked for, in at most `PIECES` pieces of at most `PIECE` characters; what is shorter than
 *     `LEAST` is in too many other words.
 *  3. A text that was cut shows no more than `TRACE` characters of a secret that lay across the cut.
 *  4. Where there is no secret a text costs nothing.
 */
import type { ChildCommand } from './child.ts';

/** The text without secrets; `cut`: at which of its ends there was more. */
export type Scrub = (text: string, cut?: 'start' | 'end') => string;

const REDACTED = '[redacted]';
const LEAST = 6;
const TRACE = 3;
const VALUES = 64;
const PIECES = 512;
const PIECE = 256;

/** GIT_AUTHOR_NAME is none. */
const NAME = /KEY|TOKEN|SECRET|PASS|PWD|AUTH(?!OR(?!I))|CREDENTIAL|PRIVATE|DSN|COOKIE|SESSION/i;
/** Where a shell is, and was. */
const PLACES = new Set(['PWD', 'OLDPWD']);
const USER_INFO = /:\/\/([^\s/?#@]*(?:@[^\s/?#@]*)*)@/g;

/** What is configured for the server, and what it is given of `source` by name. */
export function scrubOf({ env, passEnvironment }: Pick<ChildCommand, 'env' | 'passEnvironment'>, source: NodeJS.ProcessEnv): Scrub {
  const named = typeof passEnvironment === 'object' ? passEnvironment : [];
  const passed = named.map((name): [string, string] => [name, source[name] ?? '']);
  const pieces = piecesOf([...Object.entries(env), ...passed]);
  if (pieces.length === 0) return (text) => text;
  // Pieces of one value that follow each other are one.
  const pattern = new RegExp(`(?:${pieces.map((piece) => piece.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|')})+`, 'g');
  return (text, cut) => {
    const clean = text.replaceAll(pattern, REDACTED);
    return cut === undefined ? clean : hideAtCut(clean, cut, pieces);
  };
}

/** The longest first, so that none hides the beginning of another only. */
function piecesOf(variables: readonly (readonly [name: string, value: string])[]): readonly string[] {
  const values = variables.flatMap(([name, value]) => secretsIn(name, value)).slice(0, VALUES);
  const pieces = values
    .flatMap((value) => value.split(/[\r\n]+/))
    .map((line) => line.trim())
    .flatMap(split)
    .filter((piece) => piece.length >= LEAST);
  return [...new Set(pieces)].slice(0, PIECES).toSorted((one, other) => other.length - one.length);
}

function secretsIn(name: string, value: string): readonly string[] {
  if (value.length < LEAST) return [];
  const passwords = [...value.matchAll(USER_INFO)].flatMap(([, userInfo = '']) => {
    const password = userInfo.slice(userInfo.indexOf(':') + 1);
    return [password, decoded(password)];
  });
  return passwords.length > 0 || (NAME.test(name) && !PLACES.has(name)) ? [value, ...passwords] : [];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** In parts of the same length, so that none is too short to be looked for. */
function split(line: string): string[] {
  const count = Math.ceil(line.length / PIECE);
  const size = Math.ceil(line.length / count);
  return Array.from({ length: count }, (_, n) => line.slice(n * size, (n + 1) * size));
}

/** A secret of which only one end is there is not found by its whole. */
function hideAtCut(text: string, cut: 'start' | 'end', pieces: readonly string[]): string {
  for (const piece of pieces) {
    for (let length = Math.min(piece.length - 1, text.length); length > TRACE; length -= 1) {
      if (cut === 'end' && text.endsWith(piece.slice(0, length))) return text.slice(0, -length) + REDACTED;
      if (cut === 'start' && text.startsWith(piece.slice(-length))) return REDACTED + text.slice(length);
    }
  }
  return text;
}
