/**
 * Owns running the official conformance suite against a URL, and reading what it found. The suite is a program
 * of its own; it is run as its users run it, and its files of results are what counts.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO' | 'SKIPPED';
  readonly errorMessage?: string;
}

export interface Findings {
  /** Checks by scenario. */
  readonly scenarios: ReadonlyMap<string, readonly Check[]>;
  /** Of a run that found nothing at all, this says why. */
  readonly output: string;
}

/** `conformance`: the released suite; `conformance-next`: the coming one, which knows requirements and dates. */
export type Suite = 'conformance' | 'conformance-next';

/** Runs the server side of the suite; `args` select the scenarios. Fails after `ms` milliseconds. */
export async function runSuite(suite: Suite, url: string, args: readonly string[], ms = 120_000): Promise<Findings> {
  const program = fileURLToPath(import.meta.resolve(`@modelcontextprotocol/${suite}/dist/index.js`));
  const directory = await mkdtemp(join(tmpdir(), 'causeway-conformance-'));
  try {
    const output = await new Promise<string>((resolve) => {
      const options = { timeout: ms, killSignal: 'SIGKILL' as const, maxBuffer: 64 * 1024 * 1024, cwd: directory };
      execFile(process.execPath, [program, 'server', '--url', url, ...args, '-o', directory], options, (error, stdout, stderr) =>
        resolve(`${error === null ? '' : `${error.message}\n`}${stdout}${stderr}`),
      );
    });
    const scenarios = new Map<string, readonly Check[]>();
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      // server-<scenario>-<time of the run>
      const name = entry.name.replace(/^server-/, '').replace(/-\d{4}-\d{2}-\d{2}T.*$/, '');
      scenarios.set(name, JSON.parse(await readFile(join(directory, entry.name, 'checks.json'), 'utf8')) as Check[]);
    }
    return { scenarios, output };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
