/** The command line in tests: run to its end, or as a bridge that is stopped with its test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export const BIN = join(import.meta.dirname, '../../bin/causeway.js');
/** A stdio server: answers initialize; `bad` exits, `mute` is silent. */
export const CHILD = join(import.meta.dirname, '../fixtures/child.mjs');

export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Options {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Of a bridge: nobody reads it; `stdout` from the line on that is waited for. */
  readonly closed?: 'stdout' | 'stderr';
  /** Of a bridge: the line to wait for; `listening` unless it is another. */
  readonly until?: string;
}

export function folder(context: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'causeway-cli-'));
  context.after(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

export function start(argv: readonly string[], { cwd = tmpdir(), env = {} }: Options = {}): ChildProcess {
  return spawn(process.execPath, ['--', BIN, ...argv], {
    cwd,
    env: { PATH: process.env['PATH']!, HOME: tmpdir(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export async function causeway(argv: readonly string[], options: Options = {}): Promise<Run> {
  const child = start(argv, options);
  const late = setTimeout(() => child.kill('SIGKILL'), 60_000);
  let [out, err] = ['', ''];
  child.stdout!.setEncoding('utf8').on('data', (part: string) => (out += part));
  child.stderr!.setEncoding('utf8').on('data', (part: string) => (err += part));
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(late);
  return { code, out, err };
}

/** Starts a bridge and waits for its line; stops with the context. */
export async function bridge(
  context: TestContext,
  argv: readonly string[],
  options: Options = {},
): Promise<{ url: string; stop: (signal: NodeJS.Signals) => Promise<number | null>; lines: () => Record<string, unknown>[] }> {
  const child = start(['--port', '0', '--diagnostics-port', 'off', '--admin-port', 'off', ...argv], options);
  context.after(() => child.kill('SIGKILL'));
  if (options.closed === 'stderr') child.stderr!.destroy();
  const lines: Record<string, unknown>[] = [];
  let rest = '';
  const url = await new Promise<string>((resolve, reject) => {
    let err = '';
    child.stderr!.setEncoding('utf8').on('data', (part: string) => (err += part));
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      const whole = (rest + part).split('\n');
      rest = whole.pop()!;
      for (const line of whole) lines.push(JSON.parse(line) as Record<string, unknown>);
      if (!lines.some((line) => line['msg'] === (options.until ?? 'listening'))) return;
      resolve(String(lines.find((line) => line['msg'] === 'listening')!['url']));
      if (options.closed === 'stdout') child.stdout!.destroy();
    });
    child.once('close', () => reject(new Error(`it ended: ${err}`)));
  });
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    const [code] = (await once(child, 'close')) as [number | null];
    return code;
  };
  return { url, stop, lines: () => lines };
}
