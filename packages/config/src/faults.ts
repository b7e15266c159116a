/**
 * Owns how mistakes in what users wrote are reported: every one, each with its place. It leaves printing
 * and exit codes to the CLI.
 */

/** A way into a document: keys and indices. */
export type Path = readonly (string | number)[];

export interface Fault {
  /** File as the user named it, or the flag or variable that holds the mistake. */
  readonly where: string;
  /** Counted from 1; absent when the mistake is in no file. */
  readonly line?: number;
  readonly column?: number;
  /** e.g. `servers.git.args[0]`; empty for the document as a whole. */
  readonly path: string;
  /** One sentence: what is wrong, and what would be right. */
  readonly text: string;
}

/** Configuration that cannot be used: every fault of it. */
export class ConfigError extends Error {
  readonly faults: readonly Fault[];
  /** What may have led to them, one line each. */
  readonly hints: readonly string[];

  constructor(faults: readonly Fault[], hints: readonly string[] = []) {
    super(faults.map(formatFault).join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
    this.hints = hints;
  }
}

/** `file:line:column  path: text`. */
export function formatFault({ where, line, column, path, text }: Fault): string {
  const place = line === undefined ? where : `${where}:${line}:${column ?? 1}`;
  return `${place}  ${path === '' ? '' : `${path}: `}${text}`;
}

/** `['servers', 'git', 'args', 0]` → `servers.git.args[0]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[\w$-]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}
