/**
 * Owns what is compiled into the repository's cache where there is a C compiler: the echo child (else the script that
 * answers the same), and the closed loop of the load. Whichever it is, the report names it.
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
  const binary = compiled(cache, ECHO_NAME, ['echo.c']);
  return binary === undefined ? SCRIPTED : { command: [binary], language: 'C' };
}

/** The compiled loop of the load; `undefined` where there is no C compiler, and the load is all script. */
export function buildLanes(cache: string): string | undefined {
  return compiled(cache, 'bench-lanes', ['lanes.c', 'reader.h']);
}

function compiled(cache: string, name: string, files: readonly string[]): string | undefined {
  const sources = files.map((file) => join(import.meta.dirname, file));
  const binary = join(cache, name);
  mkdirSync(cache, { recursive: true });
  try {
    const built = statSync(binary, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (sources.some((source) => statSync(source).mtimeMs > built))
      execFileSync('cc', ['-O2', '-o', binary, sources[0]!], { stdio: 'inherit' });
    return binary;
  } catch {
    return undefined;
  }
}
