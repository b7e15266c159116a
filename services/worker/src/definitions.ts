/**
 * Owns which servers this worker can start, how each is defined, and under which limits. All of it can be replaced, at once; whoever begins
 * something looks here, and keeps what it found, so that what runs ends as it began.
 *
 * Invariants: a definition that would start the same child in the same way is the same object, before and after, so what
 * belongs to it is known by it; an edge waits as long as any definition that sessions may still be held under.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ServedServer } from '@causeway/cluster';
import type { Config, ServerConfig } from '@causeway/config';

type Served = Readonly<Record<string, ServedServer>>;

/** Names of servers. */
export interface Replaced {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** What of the configuration can be replaced. */
export type Defined = Pick<Config, 'servers' | 'limits'>;

export class Definitions {
  #all: Config['servers'];
  #served: Served;
  #limits: Config['limits'];

  constructor({ servers, limits }: Defined) {
    this.#all = servers;
    this.#served = mapped(servers, servedOf);
    this.#limits = limits;
  }

  get all(): Config['servers'] {
    return this.#all;
  }

  /** What this worker's record says of them. */
  get served(): Served {
    return this.#served;
  }

  /** Those of the whole cluster, and on calls. */
  get limits(): Config['limits'] {
    return this.#limits;
  }

  get(name: string): ServerConfig | undefined {
    return Object.hasOwn(this.#all, name) ? this.#all[name] : undefined;
  }

  /** Whether this is how the server is started now. */
  inForce(server: ServerConfig): boolean {
    return this.get(server.name) === server;
  }

  replace({ servers, limits }: Defined): Replaced {
    this.#limits = limits;
    const [before, told] = [this.#all, this.#served];
    const had = (name: string): boolean => Object.hasOwn(before, name);
    this.#all = mapped(servers, (server) =>
      had(server.name) && startsAlike(before[server.name]!, server) ? before[server.name]! : server,
    );
    const changed = Object.keys(servers).filter((name) => had(name) && this.#all[name] !== before[name]);
    this.#served = mapped(servers, (server) =>
      had(server.name) ? after(told[server.name]!, servedOf(server), changed.includes(server.name)) : servedOf(server),
    );
    return {
      added: Object.keys(servers).filter((name) => !had(name)),
      changed,
      removed: Object.keys(before).filter((name) => !Object.hasOwn(servers, name)),
    };
  }
}

/** Where it is served is not of the child. */
function startsAlike(one: ServerConfig, other: ServerConfig): boolean {
  const child = ({ default: _default, defaultImplied: _implied, path: _path, ...rest }: ServerConfig): unknown => ({ ...rest });
  return isDeepStrictEqual(child(one), child(other));
}

function servedOf(server: ServerConfig): ServedServer {
  const { default: first, defaultImplied, recovery, path, startTimeout: start, requestTimeout: request, limits } = server;
  return {
    ...{ default: first, recovery, timeouts: { start, request } },
    ...(defaultImplied ? { defaultImplied } : {}),
    ...(path === undefined ? {} : { path }),
    ...(limits.sessions === undefined ? {} : { limit: limits.sessions }),
  };
}

function after({ timeouts: before, edition = 0 }: ServedServer, served: ServedServer, changed: boolean): ServedServer {
  const { timeouts } = served;
  const longest =
    before && timeouts
      ? { timeouts: { start: Math.max(before.start, timeouts.start), request: Math.max(before.request, timeouts.request) } }
      : {};
  const now = changed ? edition + 1 : edition;
  return { ...served, ...longest, ...(now === 0 ? {} : { edition: now }) };
}

function mapped<T>(servers: Config['servers'], of: (server: ServerConfig) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, of(server)]));
}
