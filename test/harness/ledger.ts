/**
 * Owns reading of what fixture children received: the file that hostile.mjs appends to (its LEDGER mode).
 * The truth about at-most-once and about refused requests is there, not in any answer.
 */
import { randomUUID } from 'node:crypto';
import { watch } from 'node:fs';
import { appendFile, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from './within.ts';

export interface Entry {
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** At the start only: the mark of the worker that started it, if one did. */
  readonly mark?: string;
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
  /** The first entry that satisfies `test`, as soon as it is written; rejects after 10 s. */
  next(what: string, test: (entry: Entry) => boolean): Promise<Entry>;
  /** Processes started so far. */
  starts(): Promise<number>;
}

export function openLedger(): Ledger {
  const path = join(tmpdir(), `ledger-${randomUUID().slice(0, 8)}.jsonl`);
  const entries = async (): Promise<readonly Entry[]> => {
    const text = await readFile(path, 'utf8').catch(() => '');
    // The last line may be half written.
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Entry);
  };
  return {
    env: { LEDGER: path },
    entries,
    async next(what, test) {
      await appendFile(path, '');
      const found = Promise.withResolvers<Entry>();
      const look = async () => {
        const entry = (await entries()).find(test);
        if (entry !== undefined) found.resolve(entry);
      };
      const watcher = watch(path, () => void look());
      try {
        await look();
        return await within(10_000, what, found.promise);
      } finally {
        watcher.close();
      }
    },
    starts: async () => (await entries()).filter(({ method }) => method === 'START').length,
    [Symbol.asyncDispose]: () => rm(path, { force: true }),
  };
}
