/** Runs the worker in small of the fixtures, and knows by an event when the last process that it started is gone. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const HOST = fileURLToPath(new URL('../fixtures/host.ts', import.meta.url));
/** A kind of child and the processes that answer the roll for it. */
export const KINDS = { echo: 1, stubborn: 1, wrapper: 2, 'wrapper-clearing': 2, shell: 1, daemon: 2 } as const;
export const ALL = Object.keys(KINDS) as readonly (keyof typeof KINDS)[];

/** A named pipe which every process of the fixtures holds open while it lives: its end is the end of the last one. */
function openRoll(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-'));
  const path = join(directory, 'roll');
  execFileSync('mkfifo', [path]);
  const reader = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false });
  const own = openSync(path, constants.O_WRONLY);
  const pids: number[] = [];
  const lines = createInterface({ input: reader }).on('line', (line) => pids.push(Number(line)));
  const empty = once(reader, 'end');
  t.after(() => {
    for (const pid of pids) killQuietly(pid);
    reader.destroy();
    rmSync(directory, { recursive: true });
  });
  return {
    path,
    pids,
    async complete(count: number): Promise<void> {
      while (pids.length < count) await once(lines, 'line');
      closeSync(own);
    },
    empty,
  };
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

export interface Host {
  readonly process: ReturnType<typeof spawn>;
  readonly warden: number | null;
  readonly children: readonly number[];
  /** Resolves when every process of every child is gone. */
  readonly empty: Promise<unknown>;
  readonly pids: readonly number[];
}

export interface Nets {
  readonly nets: string;
  readonly path?: string | undefined;
}

export async function host(
  t: TestContext,
  kinds: readonly (keyof typeof KINDS)[],
  { nets, path = process.env['PATH'] }: Nets,
): Promise<Host> {
  const roll = openRoll(t);
  const env = { ...process.env, PATH: path, HOST_NETS: nets, CHILD_ROLL: roll.path };
  const running = spawn(process.execPath, [HOST, ...kinds], { env, detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  t.after(() => running.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: running.stdout }), 'line');
  await roll.complete(kinds.reduce((sum, kind) => sum + KINDS[kind], 0));
  return { process: running, ...JSON.parse(String(line)), empty: roll.empty, pids: roll.pids };
}

export const gone = (pid: number): boolean => !readdirSync('/proc').includes(String(pid));
