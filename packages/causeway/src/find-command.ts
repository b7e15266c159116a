/**
 * Owns looking a program up as the operating system will: on PATH, or by its own path. Only asks, starts nothing.
 */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';

export interface LookUp {
  readonly command: string;
  readonly cwd?: string;
  readonly path: string;
}

/** The file that would be started, or `undefined`. */
export function findCommand({ command, cwd = process.cwd(), path }: LookUp): string | undefined {
  if (command.includes('/')) return runnable(resolve(cwd, command));
  for (const folder of folders(path)) {
    const found = runnable(resolve(folder, command));
    if (found !== undefined) return found;
  }
  return undefined;
}

export function folders(path: string): string[] {
  return [...new Set(path.split(delimiter).filter((folder) => folder !== ''))];
}

function runnable(file: string): string | undefined {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

/** Names of everything on PATH; for "did you mean" only, and at most some ten thousand. */
export function* programs(path: string): Generator<string> {
  for (const folder of folders(path)) {
    try {
      yield* readdirSync(folder).slice(0, 10_000);
    } catch {
      // A directory on PATH that does not exist is common, and no news.
    }
  }
}

/** Where to get the programs that MCP servers are most often started with. */
export const INSTALL: ReadonlyMap<string, string> = new Map([
  ['uvx', 'https://docs.astral.sh/uv'],
  ['uv', 'https://docs.astral.sh/uv'],
  ['npx', 'https://nodejs.org'],
  ['node', 'https://nodejs.org'],
  ['docker', 'https://docs.docker.com/get-docker'],
  ['bunx', 'https://bun.sh'],
  ['deno', 'https://deno.com'],
  ['pipx', 'https://pipx.pypa.io'],
  ['python3', 'https://www.python.org'],
]);
