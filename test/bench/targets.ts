/**
 * Owns how each bridge is started in front of the echo child, and stopped. Every process listens on the
 * loopback interface only, runs on the Node that runs the benchmark, and is told to log as little as a user
 * would let it: the peers nothing, Causeway its default.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { EchoChild } from './child.ts';
import { processTree } from './processes.ts';
import type { Route } from './sessions.ts';

export interface Target extends AsyncDisposable {
  readonly route: Route;
  /** The processes whose trees are measured. */
  readonly roots: readonly number[];
}

export interface TargetKind {
  readonly name: string;
  readonly note?: string;
  start(ground: Ground): Promise<Target>;
}

export interface Ground {
  readonly echo: EchoChild;
  /** Root of the repository. */
  readonly root: string;
  /** Folder for binaries, logs and installed peers. */
  readonly cache: string;
  readonly natsServer: string | undefined;
  /** What runs now, to be ended with the benchmark. */
  readonly running: Set<ChildProcess>;
}

const START_MS = 30_000;
const STOP_MS = 15_000;

/** A started process; its output goes to a log file unless a line of it is waited for. */
class Started implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #log: number;
  readonly #running: Set<ChildProcess>;
  constructor(ground: Ground, name: string, command: readonly string[], output: 'log' | 'lines' | 'ipc') {
    this.#running = ground.running;
    this.#log = openSync(join(ground.cache, `${name}.log`), 'a');
    const stdout = output === 'lines' ? 'pipe' : this.#log;
    this.child = spawn(command[0]!, command.slice(1), {
      cwd: ground.cache,
      stdio: output === 'ipc' ? ['ignore', stdout, this.#log, 'ipc'] : ['ignore', stdout, output === 'lines' ? 'pipe' : this.#log],
    });
    this.#running.add(this.child);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** The first line of either output that `find` makes something of. */
  async line<T>(find: (line: string) => T | undefined): Promise<T> {
    return this.#within(
      new Promise<T>((resolve) => {
        for (const stream of [this.child.stdout!, this.child.stderr!]) {
          createInterface({ input: stream }).on('line', (line) => {
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

function peer(
  name: string,
  script: string,
  path: string,
  kind: 'streamable' | 'sse',
  flags: (echo: string) => readonly string[],
  note?: string,
): TargetKind {
  return {
    name,
    ...(note === undefined ? {} : { note }),
    async start(ground) {
      const preload = join(import.meta.dirname, 'loopback.cjs');
      const program = join(ground.cache, 'peers/node_modules', script);
      const started = new Started(
        ground,
        name.replaceAll(' ', '-'),
        [process.execPath, '--require', preload, program, ...flags(ground.echo.command.join(' '))],
        'ipc',
      );
      const { port } = await started.message<{ port: number }>();
      return {
        route: { kind, url: `http://127.0.0.1:${port}${path}` },
        roots: [started.pid],
        [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
      };
    },
  };
}

const supergateway = 'supergateway/dist/index.js';
const mcpProxy = 'mcp-proxy/dist/bin/mcp-proxy.mjs';
const shared = 'one child for all sessions';

/** The yardstick of every ratio. */
export const BASELINE = 'supergateway streamable';

/** The base URL that a role of Causeway announces in its log. */
function announced(line: string): string | undefined {
  return line.includes('"msg":"listening"') ? /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] : undefined;
}

function causeway(name: string, kind: 'streamable' | 'sse'): TargetKind {
  return {
    name,
    async start(ground) {
      const program = join(ground.root, 'packages/causeway/bin/causeway.js');
      const started = new Started(
        ground,
        name.replaceAll(' ', '-'),
        [process.execPath, program, 'run', '--port', '0', '--', ...ground.echo.command],
        'lines',
      );
      const base = await started.line(announced);
      return {
        route: { kind, url: `${base}${kind === 'sse' ? '/sse' : '/mcp'}` },
        roots: [started.pid],
        [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
      };
    },
  };
}

const cluster: TargetKind = {
  name: 'causeway cluster',
  note: '1 edge, 1 worker and nats-server, three processes',
  async start(ground) {
    if (ground.natsServer === undefined) throw new Error('no nats-server: run `npm run setup` first');
    await using stack = new AsyncDisposableStack();
    const work = mkdtempSync(join(ground.cache, 'cluster-'));
    stack.defer(() => rmSync(work, { recursive: true, force: true }));
    const config = join(work, 'causeway.json');
    const [command, ...args] = ground.echo.command;
    writeFileSync(config, JSON.stringify({ servers: { echo: { command, args } } }));
    mkdirSync(join(work, 'jetstream'));

    const nats = stack.use(
      new Started(ground, 'nats', [ground.natsServer, '-a', '127.0.0.1', '-p', '-1', '-js', '-sd', join(work, 'jetstream')], 'lines'),
    );
    const natsPort = await nats.line((line) => /Listening for client connections on .*:(\d+)/.exec(line)?.[1]);
    const url = `nats://127.0.0.1:${natsPort}`;
    const program = join(ground.root, 'packages/causeway/bin/causeway.js');
    const worker = stack.use(
      new Started(ground, 'worker', [process.execPath, program, 'worker', '--nats', url, '--config', config], 'lines'),
    );
    await worker.line((line) => (line.includes('"msg":"working"') ? true : undefined));
    const edge = stack.use(new Started(ground, 'edge', [process.execPath, program, 'edge', '--nats', url, '--port', '0'], 'lines'));
    const base = await edge.line(announced);

    const held = stack.move();
    return {
      route: { kind: 'streamable', url: `${base}/mcp` },
      roots: [nats.pid, worker.pid, edge.pid],
      [Symbol.asyncDispose]: () => held.disposeAsync(),
    };
  },
};

export const TARGETS: readonly TargetKind[] = [
  causeway('causeway', 'streamable'),
  cluster,
  peer(BASELINE, supergateway, '/mcp', 'streamable', (echo) => [
    '--stdio',
    echo,
    '--outputTransport',
    'streamableHttp',
    '--stateful',
    '--logLevel',
    'none',
  ]),
  peer('mcp-proxy streamable', mcpProxy, '/mcp', 'streamable', (echo) => ['--server', 'stream', '--', ...echo.split(' ')], shared),
  causeway('causeway sse', 'sse'),
  peer('supergateway sse', supergateway, '/sse', 'sse', (echo) => ['--stdio', echo, '--logLevel', 'none'], shared),
  peer('mcp-proxy sse', mcpProxy, '/sse', 'sse', (echo) => ['--server', 'sse', '--', ...echo.split(' ')], shared),
];
