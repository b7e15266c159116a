/**
 * Owns the echo child: compiled from echo.c into the repository's cache where there is a C compiler, else the
 * script that answers the same. Whichever it is, the report names it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ECHO_NAME } from './processes.ts';

export interface EchoChild {
  readonly command: readonly string[];
  readonly language: 'C' | 'JavaScript';
}

export const SCRIPTED: EchoChild = { command: [process.execPath, join(import.meta.dirname, 'echo.mjs')], language: 'JavaScript' };

export function buildEcho(cache: string): EchoChild {
  const source = join(import.meta.dirname, 'echo.c');
  const binary = join(cache, ECHO_NAME);
  mkdirSync(cache, { recursive: true });
  try {
    const built = statSync(binary, { throwIfNoEntry: false });
    if (!built || built.mtimeMs < statSync(source).mtimeMs) execFileSync('cc', ['-O2', '-o', binary, source], { stdio: 'inherit' });
    return { command: [binary], language: 'C' };
  } catch {
    return SCRIPTED;
  }
}
