/**
 * Owns turning a schema's verdict into faults that a person can act on: the place of each, what was
 * expected, what stands there, and the key that was probably meant. Pure.
 * Keeps: of what may be a secret only the kind is told: where one belongs (secrets.ts), and where `${…}` stands, which keeps
 * it out of the file.
 */
import type { z } from 'zod';
import type { Path } from './faults.ts';
import { isSecret } from './secrets.ts';
import { nearest } from './suggest.ts';

type Issue = z.core.$ZodIssue;

export interface Finding {
  readonly path: Path;
  /** Whether the key itself is wrong, not its value. */
  readonly part: 'key' | 'value';
  readonly text: string;
}

/** What was checked. */
export interface Checked {
  readonly input: unknown;
  /** Where `input` stands among the settings; a server's name is any. */
  readonly root: Path;
  /** The keys allowed at a path below `root`, for "did you mean". */
  readonly known: (path: Path) => readonly string[];
  /** `input` before it was expanded, if it was. */
  readonly written?: unknown;
}

/** What the schema found. */
export function findings(issues: readonly Issue[], checked: Checked): Finding[] {
  return issues.flatMap((issue) => describe(issue, [], checked));
}

function describe(issue: Issue, base: Path, checked: Checked): Finding[] {
  const { input, known, root, written } = checked;
  const path: Path = [...base, ...(issue.path as (string | number)[])];
  const secret = isSecret([...root, ...path]) || isExpanded(at(written, path));
  if (issue.code === 'unrecognized_keys') {
    const keys = known(path);
    return issue.keys.map((key) => ({ path: [...path, key], part: 'key', text: unknownKey(key, keys) }));
  }
  if (issue.code === 'invalid_union') {
    // The branch that got furthest is the one that was meant; when all fail at the door, the union speaks.
    const meant = issue.errors.find(
      (branch) => branch.length > 0 && branch.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'),
    );
    if (meant !== undefined) return meant.flatMap((inner) => describe(inner, path, checked));
    return [{ path, part: 'value', text: `expected ${issue.message}, got ${shown(at(input, path), secret)}` }];
  }
  if (issue.code === 'invalid_key') {
    const text = issue.issues[0]?.message ?? 'not allowed as a key';
    // A key such as `NAME=VALUE` holds the value.
    return [secret ? { path: path.slice(0, -1), part: 'value', text: `one of its keys is ${text}` } : { path, part: 'key', text }];
  }
  if (issue.code === 'invalid_type') {
    const value = at(input, path);
    return [
      {
        path,
        part: 'value',
        text:
          value === undefined
            ? `is required (${article(issue.expected)})`
            : `expected ${article(issue.expected)}, got ${shown(value, secret)}`,
      },
    ];
  }
  if (issue.code === 'invalid_value') {
    const value = at(input, path);
    const guess =
      typeof value === 'string'
        ? nearest(
            value,
            issue.values.filter((one) => typeof one === 'string'),
          )
        : undefined;
    return [
      {
        path,
        part: 'value',
        text: `expected one of ${issue.values.map(String).join(', ')}, got ${shown(value, secret)}${guess === undefined ? '' : ` (did you mean ${guess}?)`}`,
      },
    ];
  }
  return [{ path, part: 'value', text: issue.message }];
}

export function unknownKey(key: string, known: Iterable<string>): string {
  const guess = nearest(key, known);
  return `unknown key${guess === undefined ? '' : ` (did you mean ${guess}?)`}`;
}

function article(kind: string): string {
  const word = kind === 'record' ? 'object' : kind === 'string' ? 'text' : kind;
  if (word === 'text') return 'text';
  return `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`;
}

function at(input: unknown, path: Path): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

function isExpanded(written: unknown): boolean {
  return typeof written === 'string' && written.includes('${');
}

/** Values are shown short, and what may be a secret not at all beyond its kind. */
function shown(value: unknown, secret: boolean): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (secret) return typeof value === 'string' ? `a string of ${value.length} characters` : `a ${typeof value}`;
  if (typeof value === 'string') return value.length > 40 ? 'a long text' : JSON.stringify(value);
  return JSON.stringify(value) ?? 'nothing';
}
