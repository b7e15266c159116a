/**
 * Owns how a failed command ends: one or a few lines on stderr that say what to do, and an exit code that scripts
 * can rely on. Keeps: no stack, unless the failure is ours.
 */
import { styleText } from 'node:util';
import { harmless } from './table.ts';

/** 3, 4 and 5 mean the same as in the MCP Inspector. */
export const EXIT = { ok: 0, unexpected: 1, usage: 2, auth: 3, unreachable: 4, child: 5, limit: 6, notFound: 127 } as const;

/** In place of a reason of the error table: a tool said of itself that it failed, as `error_type` of the figures has it. */
export const TOOL_ERROR = 'tool_error';

/** A failure that was foreseen: its text is for the user as it stands. */
export class Failure extends Error {
  readonly exitCode: number;
  readonly hints: readonly string[];
  /** Of the error table, where a bridge refused. */
  readonly reason: string | undefined;

  constructor(exitCode: number, message: string, hints: readonly string[] = [], reason?: string) {
    super(message);
    this.name = 'Failure';
    this.exitCode = exitCode;
    this.hints = hints;
    this.reason = reason;
  }
}

export function colour(style: 'red' | 'yellow' | 'dim' | 'bold', text: string): string {
  return styleText(style, text, { stream: process.stderr });
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function warn(text: string): void {
  say(`${colour('yellow', 'warning:')} ${text}`);
}

export function strayWarning(server: string, stray: string): string {
  return `"${server}" wrote a non-JSON line to stdout (ignored): "${stray.trim()}" — MCP servers must log to stderr`;
}

/** Prints the failure; returns the exit code. */
export function report(error: unknown): number {
  if (error instanceof Failure) {
    // Both may quote what a server said.
    say(`${colour('red', 'error:')} ${harmless(error.message)}`);
    for (const hint of error.hints) say(`  ${harmless(hint)}`);
    return error.exitCode;
  }
  if (isConfigError(error)) {
    const many = error.faults.length;
    say(`${colour('red', 'error:')} ${many === 1 ? error.message : `${many} mistakes in the configuration`}`);
    if (many > 1) for (const line of error.message.split('\n')) say(`  ${line}`);
    for (const hint of error.hints) say(`  ${hint}`);
    return EXIT.usage;
  }
  say(`${colour('red', 'error:')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return EXIT.unexpected;
}

/** By shape: the class lives in a package that is loaded only when it is needed. */
function isConfigError(error: unknown): error is Error & { readonly faults: readonly unknown[]; readonly hints: readonly string[] } {
  return error instanceof Error && error.name === 'ConfigError' && 'faults' in error;
}

/** The same for programs: one line of JSON, `{error: {code, message, hint?, docs?}}`. */
export function reportJson(error: unknown): number {
  const failure =
    error instanceof Failure
      ? error
      : isConfigError(error)
        ? new Failure(EXIT.usage, error.message, error.hints)
        : new Failure(EXIT.unexpected, error instanceof Error ? error.message : String(error));
  const { exitCode, message, hints, reason } = failure;
  const [name = 'unexpected'] = Object.entries(EXIT).find(([, code]) => code === exitCode) ?? [];
  const told = {
    code: reason ?? name,
    message,
    ...(hints.length === 0 ? {} : { hint: hints.join('\n') }),
    ...(reason === undefined || reason === TOOL_ERROR ? {} : { docs: 'docs/errors.md' }),
  };
  say(JSON.stringify({ error: told }));
  return exitCode;
}
