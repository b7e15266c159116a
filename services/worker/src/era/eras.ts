/**
 * Owns what is known of the eras of each server: whether it answers requests of 2026-07-28 (`modern`), and whether it
 * accepts `initialize` (`legacy`). Each is true, false, or not known.
 *
 * Invariants: the setting wins, then what was found out here, then what other workers say in their records of a server
 * with the same fingerprint, where a yes, which was proved, goes before a no; a server is probed by one sibling at a
 * time; what was found out is written beside the served server in this worker's own record; a server that would speak
 * neither era has changed or was misjudged, so of two such findings the older one is forgotten; what was found out of a
 * server that is started otherwise now says nothing of it.
 */
import type { NewRecord, ServedServer, WorkerRecord } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import { CausewayError } from '@causeway/protocol';
import type { Log } from '@causeway/runtime';
import type { Attempt } from '../child/breaker.ts';
import type { Definitions } from '../definitions.ts';
import { fingerprintOf } from './fingerprint.ts';
import { probeEra, type ProbeDeps } from './probe.ts';

export interface Eras {
  /**
   * Whether the server serves requests of 2026-07-28; a sibling is probed where nothing is known. Rejects with
   * CausewayError `server.*`, `limit.worker` or `cluster.draining` if it could not be found out, and with the signal's reason.
   */
  modern(server: ServerConfig, signal?: AbortSignal): Promise<boolean>;
  /** Whether it accepts `initialize`; `undefined`: not tried yet. */
  legacy(server: ServerConfig): boolean | undefined;
  /** The server has proved something; written to the record for the others. */
  learn(server: ServerConfig, proved: Proved): void;
}

export interface OpenEras extends Eras, AsyncDisposable {
  /** Servers are defined otherwise: writes what the record says of them now. */
  replaced(): void;
}

export interface Proved {
  readonly modern?: boolean;
  readonly legacy?: boolean;
}

export interface ErasDeps extends Pick<ProbeDeps, 'start' | 'wheel'> {
  /** Announces a start, whose outcome is then told. Throws CausewayError `server.crash_loop`. */
  readonly attempt: (server: string) => Attempt;
  /** The records of the other workers. */
  readonly others: () => Iterable<Pick<WorkerRecord, 'servers'>>;
  /** This worker's servers, and the way to change what its record says of them. */
  readonly servers: Pick<Definitions, 'get' | 'served'>;
  readonly update: (change: { readonly servers: NewRecord['servers'] }) => void;
  readonly log: Log;
}

type Bit = keyof Proved;

/** `doubtful`: it was believed, and is to be found out anew, whatever others say. */
type Finding = Partial<Record<Bit, boolean | 'doubtful'>>;

interface Program {
  readonly fingerprint: string;
  readonly key: string;
}

const OTHER: Readonly<Record<Bit, Bit>> = { modern: 'legacy', legacy: 'modern' };
const SETTINGS: Readonly<Record<ServerConfig['era'], Readonly<Required<Proved>> | undefined>> = {
  auto: undefined,
  legacy: { modern: false, legacy: true },
  modern: { modern: true, legacy: false },
};

export function openEras(deps: ErasDeps): OpenEras {
  return new ServerEras(deps);
}

class ServerEras implements OpenEras {
  readonly #deps: ErasDeps;
  /** By the server's name and fingerprint. */
  readonly #found = new Map<string, Finding>();
  readonly #probes = new Map<string, Promise<boolean>>();
  readonly #programs = new WeakMap<ServerConfig, Program>();
  readonly #closed = new AbortController();

  constructor(deps: ErasDeps) {
    this.#deps = deps;
  }

  async modern(server: ServerConfig, signal?: AbortSignal): Promise<boolean> {
    const known = this.#known(server, 'modern');
    if (known !== undefined) return known;
    signal?.throwIfAborted();
    const probe = this.#probes.get(this.#program(server).key) ?? this.#probe(server);
    if (!signal) return probe;
    const { promise: given, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    return Promise.race([probe, given]).finally(() => signal.removeEventListener('abort', abort));
  }

  legacy(server: ServerConfig): boolean | undefined {
    return this.#known(server, 'legacy');
  }

  learn(server: ServerConfig, proved: Proved): void {
    if (server.era !== 'auto') return;
    const { key } = this.#program(server);
    const before = this.#found.get(key) ?? {};
    const after: Finding = { ...before, ...proved };
    for (const bit of ['modern', 'legacy'] as const) {
      const other = OTHER[bit];
      if (proved[bit] === false && proved[other] === undefined && this.#known(server, other) === false) after[other] = 'doubtful';
    }
    if (before.modern === after.modern && before.legacy === after.legacy) return;
    this.#found.set(key, after);
    const { modern, legacy } = after;
    this.#deps.log.info({ server: server.name, modern, legacy }, 'era of server found');
    this.#deps.update({ servers: this.#servers() });
  }

  replaced(): void {
    const { servers } = this.#deps;
    const now = new Set(Object.keys(servers.served).map((name) => this.#program(servers.get(name)!).key));
    for (const key of this.#found.keys()) if (!now.has(key)) this.#found.delete(key);
    this.#deps.update({ servers: this.#servers() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new CausewayError('cluster.draining', { retryAfter: 1 }));
    await Promise.allSettled(this.#probes.values());
  }

  #known(server: ServerConfig, bit: Bit): boolean | undefined {
    const set = SETTINGS[server.era];
    if (set) return set[bit];
    const { key, fingerprint } = this.#program(server);
    const own = this.#found.get(key)?.[bit];
    if (own !== undefined) return own === 'doubtful' ? undefined : own;
    const said = [...this.#deps.others()]
      .map(({ servers }) => (Object.hasOwn(servers, server.name) ? servers[server.name]?.era : undefined))
      .filter((era) => era?.fingerprint === fingerprint)
      .map((era) => era?.[bit]);
    return said.includes(true) ? true : said.includes(false) ? false : undefined;
  }

  #probe(server: ServerConfig): Promise<boolean> {
    const { key } = this.#program(server);
    const probe = this.#ask(server).finally(() => this.#probes.delete(key));
    this.#probes.set(key, probe);
    // Whoever asked may have gone.
    probe.catch(() => undefined);
    return probe;
  }

  async #ask(server: ServerConfig): Promise<boolean> {
    const { signal } = this.#closed;
    signal.throwIfAborted();
    // An end, silence or a refusal says nothing of how the server greets: the attempt is then given up.
    using attempt = this.#deps.attempt(server.name);
    const outcome = await probeEra(server, { ...this.#deps, signal });
    const modern = outcome === 'modern';
    if (modern) attempt.succeeded();
    this.#deps.log.debug({ server: server.name, outcome }, 'server probed');
    this.learn(server, { modern });
    return modern;
  }

  #servers(): NewRecord['servers'] {
    const { served } = this.#deps.servers;
    return Object.fromEntries(Object.entries(served).map(([name, facts]) => [name, { ...facts, ...this.#era(name) }]));
  }

  #era(name: string): Pick<ServedServer, 'era'> {
    const server = this.#deps.servers.get(name);
    const { key = '', fingerprint = '' } = server ? this.#program(server) : {};
    const found = this.#found.get(key);
    if (!found) return {};
    const sure = Object.entries(found).filter(([, value]) => typeof value === 'boolean');
    return { era: { fingerprint, ...(Object.fromEntries(sure) as Proved) } };
  }

  #program(server: ServerConfig): Program {
    const known = this.#programs.get(server);
    if (known) return known;
    const fingerprint = fingerprintOf(server);
    const program = { fingerprint, key: `${server.name} ${fingerprint}` };
    this.#programs.set(server, program);
    return program;
  }
}
