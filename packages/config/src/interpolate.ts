/**
 * Owns `${…}` in what users write. Pure; files are read through `read`.
 *
 * Invariants: expansion happens once, what it yields is never looked at again; nothing is left standing
 * silently, so an unset variable or a form that is not known is a fault; `$${` stands for a literal `${`;
 * a dollar without a brace is a dollar.
 */
import { basename, sep } from 'node:path';
import type { Path } from './faults.ts';

export interface Scope {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute directory that `${workspaceFolder}` stands for. */
  readonly folder: string;
  /** `undefined`: nobody knows it. */
  readonly home: string | undefined;
  /** Text of a file named in `${file:…}`, resolved against the config file; throws when it cannot be read. */
  readonly read: (file: string) => string;
}

const TOKEN = /\$\$\{|\$\{([^{}]*)\}|\$\{/g;
const VARIABLE = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^]*))?$/;

/** The variable that answers `${input:id}`. */
function inputVariable(id: string): string {
  return `CAUSEWAY_INPUT_${id.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
}

/** The text that is expanded to this one. */
export function escaped(text: string): string {
  return text.replaceAll('${', () => '$${');
}

/** The expanded text; each thing that cannot be expanded is told to `fault` and stands as it was. */
export function interpolate(text: string, scope: Scope, fault: (text: string) => void): string {
  if (!text.includes('${')) return text;
  return text.replace(TOKEN, (token: string, inner: string | undefined) => {
    if (token === '$${') return '${';
    if (inner === undefined) {
      fault('a "${" that is not closed, or one inside another: expansion is never nested (write "$${" for a literal "${")');
      return token;
    }
    const value = expand(inner, scope);
    if ('problem' in value) {
      fault(value.problem);
      return token;
    }
    return value.text;
  });
}

type Expansion = { readonly text: string } | { readonly problem: string };

function expand(inner: string, scope: Scope): Expansion {
  const fixed = FIXED[inner]?.(scope);
  if (fixed !== undefined) return { text: fixed };
  if (inner === 'userHome') return { problem: `\${${inner}} is not known: this user has none, and HOME is not set` };
  if (inner.startsWith('file:')) {
    try {
      return { text: scope.read(inner.slice(5)).replace(/\r?\n$/, '') };
    } catch {
      return { problem: `\${${inner}}: the file cannot be read` };
    }
  }
  if (inner.startsWith('input:')) {
    const name = inputVariable(inner.slice(6));
    const given = own(scope.env, name);
    return given === undefined ? { problem: `\${${inner}} has no value: set ${name}` } : { text: given };
  }
  const match = VARIABLE.exec(inner);
  if (!match) return { problem: `\${${inner}} is not understood (write "$\${" for a literal "\${")` };
  const value = own(scope.env, match[1]!);
  if (match[2] !== undefined) return { text: value === undefined || value === '' ? match[2] : value };
  return value === undefined
    ? { problem: `the variable ${match[1]} is not set (\${${match[1]}:-default} gives it a default)` }
    : { text: value };
}

const FIXED: Readonly<Record<string, (scope: Scope) => string | undefined>> = Object.assign(Object.create(null) as object, {
  workspaceFolder: (scope: Scope) => scope.folder,
  workspaceFolderBasename: (scope: Scope) => basename(scope.folder),
  userHome: (scope: Scope) => scope.home,
  pathSeparator: () => sep,
  '/': () => sep,
});

function own(env: Scope['env'], name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined;
}

/** Every string below `value` expanded; faults carry the path of the string. Returns a copy. */
export function interpolateTree(value: unknown, path: Path, scope: Scope, fault: (path: Path, text: string) => void): unknown {
  if (typeof value === 'string') return interpolate(value, scope, (text) => fault(path, text));
  if (Array.isArray(value)) return value.map((item, index) => interpolateTree(item, [...path, index], scope, fault));
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(value)) copy[key] = interpolateTree((value as Record<string, unknown>)[key], [...path, key], scope, fault);
  return copy;
}
