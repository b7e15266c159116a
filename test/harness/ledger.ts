/**
 * Owns reading of what fixture children received: the file that hostile.mjs appends to (its LEDGER mode).
 * The truth about at-most-once and about refused requests is there, not in any answer.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Entry {
  readonly pid: number;
  readonly id?: unknown;
  readonly method?: string;
  readonly name?: string;
  readonly nonce?: string;
  readonly requestId?: unknown;
}

export interface Ledger extends AsyncDisposable {
  /** To be passed to the fixture. */
  readonly env: Readonly<Record<string, string>>;
  /** Everything received so far, by all processes, in order. */
  entries(): Promise<readonly Entry[]>;
  /** Processes started so far. */
  starts(): Promise<number>;
}

export function openLedger(): Ledger {
  const path = join(tmpdir(), `ledger-${randomUUID().slice(0, 8)}.jsonl`);
  const entries = async (): Promise<readonly Entry[]> => {
    const text = await readFile(path, 'utf8').catch(() => '');
    return text.split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as Entry)));
  };
  return {
    env: { LEDGER: path },
    entries,
    starts: async () => (await entries()).filter(({ method }) => method === 'START').length,
    [Symbol.asyncDispose]: () => rm(path, { force: true }),
  };
}
