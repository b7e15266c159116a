/**
 * Owns the exact environment of a child: what a server needs to run, what its configuration gives it,
 * and the mark by which its processes are found again. Nothing else of the worker's environment leaks,
 * and the worker's own settings and credentials never do.
 */
import { isOwnVariable } from '@causeway/config';

/** The variable that carries a child's mark (orphans.ts). */
export const MARK = 'CAUSEWAY_CHILD';

/** What every server gets where it is set: the list of the MCP SDKs, and the language and scratch directory. */
const BASE = ['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER', 'LANG', 'TMPDIR'] as const;

export type Variables = Readonly<Record<string, string>>;

export interface EnvironmentOptions {
  /** The worker's environment. */
  readonly source: Readonly<Record<string, string | undefined>>;
  /** `true`: everything but our own variables; a list: these names too, except ours. */
  readonly pass?: boolean | readonly string[] | undefined;
  /** Configured for the server; wins over what is passed on. */
  readonly configured: Variables;
  readonly mark: string;
}

/** The variables of the child, complete. */
export function childEnvironment({ source, pass = false, configured, mark }: EnvironmentOptions): Variables {
  const passed = pass === true ? Object.keys(source) : pass === false ? [] : pass;
  // No prototype: a name like `__proto__` is then a name like any other.
  const variables: Record<string, string> = Object.create(null);
  for (const name of [...BASE, ...passed]) {
    const value = source[name];
    if (value === undefined || isShellFunction(name, value) || isOwnVariable(name)) continue;
    variables[name] = value;
  }
  for (const [name, value] of Object.entries(configured)) variables[name] = value;
  variables[MARK] = mark;
  return variables;
}

/** Bash exports functions as variables; a shell further down would run them. */
function isShellFunction(name: string, value: string): boolean {
  return value.startsWith('()') || name.startsWith('BASH_FUNC_');
}
