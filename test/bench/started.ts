/**
 * Owns one process of a target: started on the loopback ground of the benchmark, watched until it is ready, ended with
 * everything that it should have ended itself.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { processTree } from './processes.ts';
import type { Ground } from './targets.ts';

const START_MS = 30_000;
const STOP_MS = 15_000;
/** Of a line that Causeway logs. */
const COMPLAINT = /"level":"(?:warn|error)"/;

/** A started process; its output goes to a log file unless a line of it is waited for. */
export class Started implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #path: string;
  readonly #log: number;
  readonly #running: Set<ChildProcess>;
  constructor(
    ground: Ground,
    name: string,
    command: readonly string[],
    output: 'lines' | 'ipc',
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#running = ground.running;
    this.#path = join(ground.cache, `${name}.log`);
    this.#log = openSync(this.#path, 'a');
    const stdout = output === 'lines' ? 'pipe' : this.#log;
    this.child = spawn(command[0]!, command.slice(1), {
      cwd: ground.cache,
      env: { ...process.env, ...env },
      stdio: output === 'ipc' ? ['ignore', stdout, this.#log, 'ipc'] : ['ignore', stdout, output === 'lines' ? 'pipe' : this.#log],
    });
    this.#running.add(this.child);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** The first line of either output that `find` makes something of; from then on what it complains about is kept. */
  async line<T>(find: (line: string) => T | undefined): Promise<T> {
    return this.#within(
      new Promise<T>((resolve) => {
        for (const stream of [this.child.stdout!, this.child.stderr!]) {
          createInterface({ input: stream }).on('line', (line) => {
            if (COMPLAINT.test(line)) appendFileSync(this.#path, `${line}\n`);
            const found = find(line);
            if (found !== undefined) resolve(found);
          });
        }
      }),
    );
  }

  async message<T>(): Promise<T> {
    return this.#within(once(this.child, 'message').then(([message]) => message as T));
  }

  async #within<T>(wanted: Promise<T>): Promise<T> {
    const over = new AbortController();
    const { signal } = over;
    try {
      return await Promise.race([
        wanted,
        once(this.child, 'exit', { signal }).then(([code]) =>
          Promise.reject(new Error(`${this.child.spawnargs.join(' ')}: ended with ${String(code)}`)),
        ),
        once(AbortSignal.timeout(START_MS), 'abort', { signal }).then(() =>
          Promise.reject(new Error(`${this.child.spawnargs.join(' ')}: not ready`)),
        ),
      ]);
    } finally {
      over.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const below = processTree([this.pid]).filter(({ pid }) => pid !== this.pid);
      const ended = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(late);
      // What a bridge leaves behind would weigh on the next one.
      const left = new Set(processTree([process.pid, 1]).map(({ pid }) => pid));
      for (const { pid, echo } of below) if (echo && left.has(pid)) process.kill(pid, 'SIGKILL');
    }
    this.#running.delete(this.child);
    closeSync(this.#log);
  }
}
