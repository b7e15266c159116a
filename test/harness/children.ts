/**
 * Owns the view of who lives. Two sources: a lifeline, which is a socket that fixture processes hold open so
 * that the kernel reports the moment of their death as an event; and one scan of /proc by an environment
 * variable, for programs that know nothing of lifelines. Kills nothing.
 */
import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Inbox, until, within } from './within.ts';

export interface Lifeline extends AsyncDisposable {
  /** To be passed to fixtures, e.g. `{ LIFELINE: '/tmp/…' }`. */
  readonly env: Readonly<Record<string, string>>;
  /** Process ids that hold the line now. */
  readonly alive: ReadonlySet<number>;
  /** Every birth and death, in order; `at` is `performance.now()`. */
  readonly events: Inbox<LifeEvent>;
  /**
   * Resolves as soon as `n` processes hold the line. A child takes hold of it while it answers already, so what it
   * says may be seen before it is.
   */
  holders(n: number): Promise<void>;
  /** Resolves as soon as `pid` holds the line, which whoever has heard from it may be too early for. */
  holds(pid: number): Promise<void>;
  /** Resolves when nobody is left; rejects after `ms` milliseconds naming the survivors. */
  none(ms: number): Promise<void>;
  /** Resolves if nobody lives any more, which the kernel is asked; rejects at once naming the survivors. */
  over(): Promise<void>;
  /** Resolves when `pid` has died, with the time of it. */
  died(pid: number, ms: number): Promise<LifeEvent>;
}

export interface LifeEvent {
  readonly kind: 'born' | 'died';
  readonly pid: number;
  readonly at: number;
}

export async function openLifeline(): Promise<Lifeline> {
  const path = join(tmpdir(), `lifeline-${randomUUID().slice(0, 8)}.sock`);
  const alive = new Set<number>();
  const sockets = new Set<Socket>();
  const events = new Inbox<LifeEvent>();
  const emptied = new Set<() => void>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let pid = 0;
    socket.once('data', (data) => {
      pid = Number(data.toString());
      alive.add(pid);
      events.push({ kind: 'born', pid, at: performance.now() });
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      alive.delete(pid);
      if (pid !== 0) events.push({ kind: 'died', pid, at: performance.now() });
      if (alive.size === 0) for (const resolve of emptied) resolve();
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  async function none(ms: number): Promise<void> {
    if (alive.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    emptied.add(resolve);
    try {
      await within(ms, 'death of the last process', promise);
    } catch (error) {
      throw new Error(`still alive: ${[...alive].join(', ')}`, { cause: error });
    } finally {
      emptied.delete(resolve);
    }
  }
  return {
    env: { LIFELINE: path },
    alive,
    events,
    async holders(n) {
      await events.next(`${n} processes`, () => alive.size >= n);
    },
    async holds(pid) {
      await events.next(`process ${pid}`, () => alive.has(pid));
    },
    none,
    async over() {
      const living = [];
      for (const pid of alive) if (await lives(pid)) living.push(pid);
      if (living.length > 0) throw new Error(`still alive: ${living.join(', ')}`);
      // Their sockets are closed; that is told in a moment.
      await none(5_000);
    },
    died: (pid, ms) => events.next(`death of ${pid}`, (event) => event.kind === 'died' && event.pid === pid, ms),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(path, { force: true });
    },
  };
}

/** Who has ended has no environment any more, also while it waits to be collected. */
async function lives(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/environ`).catch(() => '')).length > 0;
}

export interface Living {
  readonly pid: number;
  readonly ppid: number;
  readonly command: string;
}

/** Processes whose initial environment holds `NAME=value`; zombies have none and are not counted. */
export async function livingWith(name: string, value: string): Promise<readonly Living[]> {
  const mark = `${name}=${value}`;
  const found = await Promise.all(
    (await readdir('/proc'))
      .filter((entry) => /^\d+$/.test(entry))
      .map(async (pid): Promise<Living | undefined> => {
        try {
          const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
          if (!environment.split('\0').includes(mark)) return undefined;
          const status = await readFile(`/proc/${pid}/stat`, 'utf8');
          const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
          return { pid: Number(pid), ppid: Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]), command };
        } catch {
          return undefined;
        }
      }),
  );
  return found.filter((living) => living !== undefined);
}

/** Fails if anything with that mark lives: what a test started must be gone when it ends. */
export async function assertNoneWith(name: string, value: string): Promise<void> {
  const living = await livingWith(name, value);
  if (living.length > 0)
    throw new Error(`left behind: ${living.map(({ pid, ppid, command }) => `${pid} (of ${ppid}) ${command}`).join('; ')}`);
}

/** Resolves as soon as nothing with that mark lives: who was killed is seen until the kernel has ended it. Rejects after `ms`, naming who is left. */
export async function noneWith(name: string, value: string, ms: number): Promise<void> {
  const gone = async (): Promise<true | undefined> => ((await livingWith(name, value)).length === 0 ? true : undefined);
  await until(ms, 'death of all that were started', gone).catch(() => assertNoneWith(name, value));
}
