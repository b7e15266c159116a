/**
 * Owns nats-servers on this machine, for tests and for a cluster of one that brings its own: finding a
 * binary that is new enough, starting one or three, and leaving nothing behind.
 * Invariants: servers listen on loopback only; a server that is restarted keeps its address and its data;
 * after disposal there is no process and no directory. If this process is killed, its servers stay, unless whoever is told
 * of them sees to that (`NatsProcess`).
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CausewayError } from '@causeway/protocol';

/** Milliseconds until a started server must say that it is ready, and a stopped one must be gone. */
const START_DEADLINE = 20_000;
const STOP_DEADLINE = 10_000;
const CACHED = fileURLToPath(new URL('../../../../.cache/nats-server/nats-server', import.meta.url));
const run = promisify(execFile);

export interface NatsBinary {
  readonly path: string;
  /** e.g. `2.15.1`. */
  readonly version: string;
}

/**
 * Takes what `CAUSEWAY_NATS_SERVER` names; if that is not set, the first of 2.11 or newer on the PATH, then
 * what `scripts/setup-nats.sh` fetched. Rejects with a CausewayError `cluster.unavailable` that says what was found.
 */
export async function findNatsServer(env: NodeJS.ProcessEnv = process.env): Promise<NatsBinary> {
  const named = env['CAUSEWAY_NATS_SERVER'];
  const onPath = (env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  const candidates = named ? [named] : [...onPath.map((directory) => join(directory, 'nats-server')), CACHED];
  const seen: string[] = [];
  for (const path of candidates) {
    const output = await run(path, ['--version'], { timeout: STOP_DEADLINE }).catch(() => undefined);
    const [, version, major, minor] = /^nats-server: v((\d+)\.(\d+)\S*)/.exec(output?.stdout ?? '') ?? [];
    if (version !== undefined && (Number(major) > 2 || (major === '2' && Number(minor) >= 11))) return { path, version };
    if (version !== undefined || named) seen.push(`${path} is ${version ?? 'no nats-server'}`);
  }
  const found = seen.length === 0 ? '' : ` Found: ${seen.join('; ')}.`;
  throw new CausewayError('cluster.unavailable', {
    message: `No nats-server of 2.11 or newer was found.${found} Put one on the PATH, or name it in CAUSEWAY_NATS_SERVER; in a clone of Causeway: npm run setup.`,
  });
}

export interface NatsOptions {
  readonly nodes: 1 | 2 | 3;
  /** Default: what `findNatsServer` finds. */
  readonly binary?: string;
  /** Where JetStream keeps its data; default a temporary directory that goes with the servers. */
  readonly directory?: string;
  /** Further lines of configuration, the same for every server. */
  readonly config?: string;
  /** Servers of a cluster tell clients of each other; default true. */
  readonly advertise?: boolean;
  /** For servers that are no tests': how their processes are started, and what is told of them. */
  readonly process?: NatsProcess;
}

export interface NatsProcess {
  /** Words to put before the command. */
  readonly prefix: readonly string[];
  /** All of its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Told of each that is started, which leads a process group of its own. */
  readonly started: (process: ChildProcess) => void;
  /** Told when a server that was ready has ended, and nobody here ended it. It can be restarted. */
  readonly ended: (node: NatsNode, how: string) => void;
}

export interface NatsNode {
  /** As in JetStream's reports of leaders. */
  readonly name: string;
  /** `127.0.0.1:port`, the same after a restart. */
  readonly address: string;
  readonly pid: number | undefined;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again after either. */
  restart(): Promise<void>;
}

export interface Nats extends AsyncDisposable {
  readonly urls: readonly string[];
  readonly nodes: readonly NatsNode[];
}

/** Starts servers and resolves when each has said that it is ready. Several form one cluster. */
export async function startNats(options: NatsOptions): Promise<Nats> {
  const binary = options.binary ?? (await findNatsServer()).path;
  await using stack = new AsyncDisposableStack();
  const temporary = await mkdtemp(join(tmpdir(), 'causeway-nats-')).catch(nowhere);
  stack.defer(() => rm(temporary, { recursive: true, force: true }));
  const ports = await freePorts(options.nodes * 2);
  const routes = ports.slice(options.nodes);
  const nodes: Node[] = [];
  for (let index = 0; index < options.nodes; index += 1) {
    const name = `n${index + 1}`;
    const store = join(options.directory ?? temporary, name);
    const file = join(temporary, `${name}.conf`);
    await mkdir(store, { recursive: true });
    const lines = [
      `server_name: ${name}`,
      `listen: "127.0.0.1:${ports[index]}"`,
      `jetstream { store_dir: ${JSON.stringify(store)} }`,
      'ping_interval: "5s", ping_max: 2, write_deadline: "5s"',
    ];
    if (options.nodes > 1) {
      const urls = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
      lines.push(
        `cluster { name: causeway, listen: "127.0.0.1:${routes[index]}", routes: [${urls}], no_advertise: ${options.advertise === false} }`,
      );
    }
    await writeFile(file, [...lines, options.config ?? '', ''].join('\n'), { mode: 0o600 });
    const node = new Node(name, `127.0.0.1:${ports[index]}`, [binary, '-c', file], options.process);
    stack.defer(() => node.kill());
    nodes.push(node);
  }
  const orphans = (): void => {
    for (const node of nodes) if (node.pid !== undefined) process.kill(node.pid, 'SIGKILL');
  };
  process.on('exit', orphans);
  stack.defer(() => void process.off('exit', orphans));
  await Promise.all(nodes.map((node) => node.restart()));
  const owned = stack.move();
  return { urls: nodes.map((node) => `nats://${node.address}`), nodes, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function nowhere(cause: NodeJS.ErrnoException): never {
  const message = `A nats-server of our own finds no place for its data in ${tmpdir()} (${cause.code}). TMPDIR names another directory.`;
  throw new CausewayError('cluster.unavailable', { message, cause });
}

class Node implements NatsNode {
  readonly name: string;
  readonly address: string;
  readonly #command: readonly string[];
  readonly #process: NatsProcess | undefined;
  #child: ChildProcess | undefined;
  /** It was told to end. */
  #ending = false;

  constructor(name: string, address: string, command: readonly string[], how: NatsProcess | undefined) {
    this.name = name;
    this.address = address;
    this.#command = [...(how?.prefix ?? []), ...command];
    this.#process = how;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.name} is running`);
    const [file, ...args] = this.#command;
    const how = this.#process;
    // In a group of its own it does not get what a terminal sends to ours.
    const apart = how === undefined ? {} : { env: how.env, detached: true };
    const child = spawn(file!, args, { stdio: ['ignore', 'ignore', 'pipe'], ...apart });
    how?.started(child);
    const ended = once(child, 'exit').then(
      () => undefined,
      () => undefined,
    );
    this.#child = child;
    this.#ending = false;
    const said: string[] = [];
    const ready = Promise.withResolvers<void>();
    let was = false;
    void ended.then(() => {
      if (this.#child !== child) return;
      this.#child = undefined;
      if (was && !this.#ending) how?.ended(this, `code ${child.exitCode}, signal ${child.signalCode}: ${said.at(-1) ?? 'no output'}`);
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (said.push(line) > 20) said.shift();
      if (!line.includes('Server is ready')) return;
      was = true;
      ready.resolve();
    });
    const fail = (why: string): void =>
      ready.reject(new CausewayError('cluster.unavailable', { message: `nats-server ${this.name} ${why}: ${said.at(-1) ?? 'no output'}` }));
    const timer = setTimeout(fail, START_DEADLINE, `was not ready within ${START_DEADLINE} ms`);
    void ended.then(() => fail('ended at its start'));
    await ready.promise.finally(() => clearTimeout(timer));
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#ending = true;
    const ended = child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE);
    await ended;
    clearTimeout(timer);
    this.#child = undefined;
  }
}

/** Ports that were free a moment ago; the routes of a cluster must be known before it starts. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
