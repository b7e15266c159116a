/**
 * Owns one nats-server that a fault may hit: killed, stopped, continued, started again with its data, or living on
 * a disk so small that it can be filled. Listens on loopback only; gone with the test process.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { within } from '../harness/within.ts';

export interface NodeOptions {
  readonly name: string;
  readonly binary: string;
  readonly directory: string;
  readonly port: number;
  /** Port of `/connz` and the like. */
  readonly monitor: number;
  /** Port for the other servers. */
  readonly route: number;
  /** `host:port` under which each other server is reached. */
  readonly routes: readonly string[];
  /** MiB of a disk of its own; default: the machine's. */
  readonly disk?: number;
  /** Tells its clients of the servers that it knows. */
  readonly telling?: boolean;
}

/** Mounts a small disk where no other process sees it, and becomes the program that is named after it. */
const ON_SMALL_DISK = 'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"';

export class NatsNode implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly monitor: string;
  readonly #options: NodeOptions;
  readonly #store: string;
  readonly #file: string;
  #child: ChildProcess | undefined;

  constructor(options: NodeOptions) {
    this.name = options.name;
    this.address = `127.0.0.1:${options.port}`;
    this.monitor = `http://127.0.0.1:${options.monitor}`;
    this.#options = options;
    this.#store = join(options.directory, options.name);
    this.#file = join(options.directory, `${options.name}.conf`);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it, or starts it again; resolves when it has said that it is ready. */
  async start(): Promise<void> {
    const { binary, disk } = this.#options;
    await mkdir(this.#store, { recursive: true });
    await writeFile(this.#file, this.#configuration());
    const command = [binary, '-c', this.#file];
    const child = spawn(
      disk === undefined ? binary : 'unshare',
      disk === undefined ? command.slice(1) : ['-Urm', 'sh', '-c', ON_SMALL_DISK, `${disk}m`, this.#store, ...command],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const said: string[] = [];
    const ready = Promise.withResolvers<void>();
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (said.push(line) > 20) said.shift();
      if (line.includes('Server is ready')) ready.resolve();
    });
    child.once('error', ready.reject);
    const orphan = () => child.kill('SIGKILL');
    child.once('exit', () => {
      process.off('exit', orphan);
      if (this.#child === child) this.#child = undefined;
      ready.reject(new Error(`${this.name} ended: ${said.at(-1) ?? 'no output'}`));
    });
    this.#child = child;
    process.once('exit', orphan);
    await within(20_000, `start of ${this.name}`, ready.promise);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it in order. */
  async term(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Its data, where it was killed and not started again. */
  async forget(): Promise<void> {
    await rm(this.#store, { recursive: true, force: true });
  }

  /** Where its disk is seen from outside, for filling it. */
  get disk(): string {
    return `/proc/${this.pid}/root${this.#store}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await within(15_000, `end of ${this.name} after ${signal}`, ended);
  }

  /** No server tells servers of others, nor, unless it is asked to, clients, so that every connection takes the wire that it was given. */
  #configuration(): string {
    const { name, port, monitor, route, routes, telling = false } = this.#options;
    return [
      `server_name: ${name}`,
      `listen: "127.0.0.1:${port}"`,
      `http: "127.0.0.1:${monitor}"`,
      `jetstream { store_dir: ${JSON.stringify(this.#store)} }`,
      'ping_interval: "5s", ping_max: 2, write_deadline: "5s"',
      `cluster {`,
      `  name: causeway, listen: "127.0.0.1:${route}", advertise: "127.0.0.1:1", no_advertise: ${!telling}`,
      `  routes: [${routes.map((at) => `"nats://${at}"`).join(', ')}]`,
      `}`,
      '',
    ].join('\n');
  }
}
