/**
 * Owns reading of what fixture children received: the file that hostile.mjs appends to (its LEDGER mode).
 * The truth about at-most-once and about refused requests is there, not in any answer.
 */
import { randomUUID } from 'node:crypto';
import { watch } from 'node:fs';
import { appendFile, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Inbox } from './within.ts';

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
  const inbox = new Inbox<Entry>();
  let read = 0;
  let reading: Promise<void> | undefined;

  /** Takes in what was appended since the last time. */
  async function refresh(): Promise<void> {
    const file = await open(path, 'r').catch(() => undefined);
    if (file === undefined) return;
    try {
      const { size } = await file.stat();
      if (size === read) return;
      const { buffer } = await file.read({ buffer: Buffer.alloc(size - read), position: read });
      // The last line may be half written.
      const end = buffer.lastIndexOf(10) + 1;
      read += end;
      for (const line of buffer.toString('utf8', 0, end).split('\n')) if (line !== '') inbox.push(JSON.parse(line) as Entry);
    } finally {
      await file.close();
    }
  }
  /** Rounds of it one after the other; whoever asks sees what was there when they asked. */
  async function look(): Promise<void> {
    await reading;
    reading ??= refresh().finally(() => (reading = undefined));
    await reading;
  }
  const entries = async (): Promise<readonly Entry[]> => {
    await look();
    return [...inbox.items];
  };
  return {
    env: { LEDGER: path },
    entries,
    async next(what, test) {
      await appendFile(path, '');
      const watcher = watch(path, () => void look());
      try {
        await look();
        return await inbox.next(what, test);
      } finally {
        watcher.close();
      }
    },
    starts: async () => (await entries()).filter(({ method }) => method === 'START').length,
    async [Symbol.asyncDispose]() {
      await reading;
      await rm(path, { force: true });
    },
  };
}
