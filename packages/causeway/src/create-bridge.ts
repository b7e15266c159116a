/**
 * Owns the bridge as a library: `createBridge()`. Keeps: no signal handlers, no exit, nothing read from the environment
 * or from files that were not named; everything ends with the bridge.
 */
import type { Cluster } from '@causeway/cluster';
import { ConfigError, durationMs, loadConfig, type Config, type Fault } from '@causeway/config';
import type { AdminDoor, Edge } from '@causeway/edge';
import { silentLog, type Log } from '@causeway/runtime';
import type { Worker } from '@causeway/worker';
import { serverUrl } from './banner.ts';
import { openEdgeOn, openMemory, openWorkerOn } from './open-bridge.ts';
import { checkedCertificate } from './tls-files.ts';

/** What a configuration file holds, as an object; `${…}` in it is text. At least one server, and no `nats` nor `diagnostics`. */
export interface BridgeOptions {
  readonly servers: Readonly<Record<string, ServerOptions>>;
  readonly listen?: ListenOptions & { readonly tls?: TlsOptions };
  /** Absent: no listener for operators. A token that is not given is made; see `Bridge.admin`. */
  readonly admin?: AdminOptions;
  readonly http?: Readonly<Record<string, unknown>>;
  readonly auth?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, unknown>>;
  readonly worker?: Readonly<Record<string, unknown>>;
  readonly streams?: Readonly<Record<string, unknown>>;
  readonly drain?: Readonly<Record<string, unknown>>;
  /** Default: nothing is logged. */
  readonly log?: Log;
}

export interface ServerOptions {
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly [setting: string]: unknown;
}

export interface ListenOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 8000; 0 is any free one. */
  readonly port?: number;
}

/** PEM files; they are read again whenever they change. */
export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities, one of which must have signed the certificate of a client. Default: clients need none. */
  readonly clientCaFile?: string;
}

export interface AdminOptions extends ListenOptions {
  readonly token?: string;
}

export interface DrainOptions {
  readonly timeout?: number | string;
}

export interface Bridge extends AsyncDisposable {
  /** Opens the address; resolves with its URL. Rejects with Node's error if it is taken. Once per bridge. */
  listen(options?: ListenOptions): Promise<string>;
  /** Where operators ask, and the token that they show; while it listens, if it was asked for. */
  readonly admin: AdminDoor | undefined;
  /** URL of a server's Streamable HTTP endpoint. Throws before `listen`, and for a name that is not served. */
  url(server: string): string;
  /** Takes nothing new and finishes what runs, within `timeout`: milliseconds, or a text such as `30s`; default as configured. */
  drain(options?: DrainOptions): Promise<void>;
}

/** A bridge in this process, over memory. Throws a `ConfigError` for options that cannot be used. */
export async function createBridge(options: BridgeOptions): Promise<Bridge> {
  const { log = silentLog(), ...value } = options;
  const config = checked(value);
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await openMemory(config));
  const worker = stack.use(await openWorkerOn(cluster, config, log));
  return new OpenedBridge({ config, log, cluster, worker, admin: options.admin !== undefined }, stack.move());
}

/** What a file may hold and one process in somebody else's cannot be. */
const REFUSED: Readonly<Record<string, string>> = {
  nats: 'createBridge() is one process over memory; a cluster is made of "causeway edge" and "causeway worker"',
  diagnostics: 'createBridge() answers probes where it listens, and nowhere else',
};

function checked(options: Readonly<Record<string, unknown>>): Config {
  const value = { ...options };
  const faults: Fault[] = [];
  for (const [path, text] of Object.entries(REFUSED)) {
    if (value[path] !== undefined) faults.push({ where: 'options', path, text });
    delete value[path];
  }
  const { servers } = value;
  if (servers === undefined || servers === null || (typeof servers === 'object' && Object.keys(servers).length === 0))
    faults.push({ where: 'options', path: 'servers', text: 'needs at least one server' });
  try {
    const loaded = loadConfig({ value, env: {}, cwd: process.cwd() });
    checkedCertificate({ ...loaded, origins: new Map() });
    if (faults.length === 0) return loaded.config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.faults);
  }
  throw new ConfigError(faults);
}

function milliseconds(timeout: number | string): number {
  const ms = typeof timeout === 'number' ? timeout : durationMs(timeout);
  if (ms !== undefined) return ms;
  throw new ConfigError([{ where: 'options', path: 'timeout', text: `not a duration: ${JSON.stringify(timeout)} (30s, 5m, 250ms)` }]);
}

interface Parts {
  readonly config: Config;
  readonly log: Log;
  readonly cluster: Cluster;
  readonly worker: Worker;
  /** There is a listener for operators. */
  readonly admin: boolean;
}

class OpenedBridge implements Bridge {
  readonly #parts: Parts;
  readonly #stack: AsyncDisposableStack;
  #edge: Promise<Edge> | undefined;
  #url: string | undefined;
  #admin: AdminDoor | undefined;

  constructor(parts: Parts, stack: AsyncDisposableStack) {
    this.#parts = parts;
    this.#stack = stack;
  }

  async listen(options: ListenOptions = {}): Promise<string> {
    if (this.#edge !== undefined) throw new Error('this bridge listens already');
    const { config, cluster, log } = this.#parts;
    // A library has no port of its own for probes: they are on the main one.
    const changed: Config = {
      ...config,
      listen: { ...config.listen, ...options },
      diagnostics: { ...config.diagnostics, port: false },
      admin: this.#parts.admin ? config.admin : { ...config.admin, port: false },
    };
    this.#edge = openEdgeOn(cluster, changed, log);
    try {
      const edge = this.#stack.use(await this.#edge);
      this.#url = edge.url;
      this.#admin = edge.admin;
      return edge.url;
    } catch (error) {
      this.#edge = undefined;
      throw error;
    }
  }

  get admin(): AdminDoor | undefined {
    return this.#admin;
  }

  url(server: string): string {
    if (this.#url === undefined) throw new Error('this bridge does not listen yet');
    if (!Object.hasOwn(this.#parts.config.servers, server)) throw new Error(`there is no server "${server}"`);
    return serverUrl(this.#url, server);
  }

  async drain(options: DrainOptions = {}): Promise<void> {
    const timeout = options.timeout === undefined ? this.#parts.config.drain.timeout : milliseconds(options.timeout);
    const end = performance.now() + timeout;
    await (await this.#edge)?.drain(timeout);
    await this.#parts.worker.drain(Math.max(0, end - performance.now()), true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#edge?.catch(() => undefined);
    await this.#stack.disposeAsync();
  }
}
