/**
 * Owns how a failed command ends: one or a few lines on stderr that say what to do, and an exit code that scripts
 * can rely on. Keeps: no stack, unless the failure is ours.
 */
import { styleText } from 'node:util';

/** 3, 4 and 5 mean the same as in the MCP Inspector. */
export const EXIT = { ok: 0, unexpected: 1, usage: 2, auth: 3, unreachable: 4, child: 5, limit: 6, notFound: 127 } as const;

/** A failure that was foreseen: its text is for the user as it stands. */
export class Failure extends Error {
  readonly exitCode: number;
  readonly hints: readonly string[];

  constructor(exitCode: number, message: string, hints: readonly string[] = []) {
    super(message);
    this.name = 'Failure';
    this.exitCode = exitCode;
    this.hints = hints;
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

/** Prints the failure; returns the exit code. */
export function report(error: unknown): number {
  if (error instanceof Failure) {
    say(`${colour('red', 'error:')} ${error.message}`);
    for (const hint of error.hints) say(`  ${hint}`);
    return error.exitCode;
  }
  if (isConfigError(error)) {
    const many = error.faults.length;
    say(`${colour('red', 'error:')} ${many === 1 ? error.message : `${many} mistakes in the configuration`}`);
    if (many > 1) for (const line of error.message.split('\n')) say(`  ${line}`);
    return EXIT.usage;
  }
  say(`${colour('red', 'error:')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return EXIT.unexpected;
}

/** By shape: the class lives in a package that is loaded only when it is needed. */
function isConfigError(error: unknown): error is Error & { readonly faults: readonly unknown[] } {
  return error instanceof Error && error.name === 'ConfigError' && 'faults' in error;
}
