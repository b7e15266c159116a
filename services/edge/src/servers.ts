/**
 * Owns which MCP servers this edge offers and where: learnt from the workers' records, which the ledger
 * keeps current. A server that was seen stays known, so that a moment without its workers is told as such
 * ("nobody serves it now") and never as a mistyped name.
 */
import type { Ledger, ServedServer } from '@causeway/cluster';
import { nearest } from '@causeway/config';

/** Names that are remembered at most. */
const MAX_KNOWN = 10_000;
/** Milliseconds that a server of which nothing is known is given. */
const DEADLINE = 10 * 60_000;
/**
 * Milliseconds by which the edge waits longer than the worker, which is to speak first; at a start the worker has to have
 * a place, a turn, and before a takeover certainty about the owner before, which the start's own time does not count.
 */
const SLACK = { request: 5_000, start: 30_000 };

export interface OfferedServer extends ServedServer {
  readonly name: string;
}

export interface Servers extends Disposable {
  get(name: string): OfferedServer | undefined;
  /** The server at `/mcp`, `/sse` and `/message`: the one marked default, or the only one. */
  default(): OfferedServer | undefined;
  /** The server whose own path is `path`, e.g. `/git`. */
  atPath(path: string): OfferedServer | undefined;
  all(): Iterable<OfferedServer>;
  /** Milliseconds after which whoever waits for its start, or for an answer, gives up, whatever its worker says. */
  deadline(name: string, what: 'start' | 'request'): number;
  /** The name most like `name`, for whoever mistyped it. */
  nearest(name: string): string | undefined;
}

export function openServers(ledger: Ledger): Servers {
  const known = new Map<string, OfferedServer>();
  collect(ledger, known);
  let index = indexOf(known);
  const stop = ledger.onChange(() => {
    collect(ledger, known);
    index = indexOf(known);
  });
  return {
    get: (name) => known.get(name),
    default: () => index.default,
    atPath: (path) => index.byPath.get(path),
    all: () => known.values(),
    deadline: (name, what) => (known.get(name)?.timeouts?.[what] ?? DEADLINE) + SLACK[what],
    nearest: (name) => (name.length > 64 ? undefined : nearest(name, known.keys())),
    [Symbol.dispose]: stop,
  };
}

interface Index {
  readonly default: OfferedServer | undefined;
  readonly byPath: ReadonlyMap<string, OfferedServer>;
}

function indexOf(known: ReadonlyMap<string, OfferedServer>): Index {
  const all = [...known.values()];
  const byPath = new Map<string, OfferedServer>();
  for (const server of all) {
    const other = server.path === undefined ? undefined : byPath.get(server.path);
    // Workers whose files give one path to two servers: every edge takes the same.
    if (server.path !== undefined && (other === undefined || server.name < other.name)) byPath.set(server.path, server);
  }
  return {
    default: all.find((server) => server.default) ?? (all.length === 1 ? all[0] : undefined),
    byPath,
  };
}

function collect(ledger: Ledger, known: Map<string, OfferedServer>): void {
  const now = new Map<string, OfferedServer>();
  for (const record of ledger.workers().values()) {
    for (const [name, server] of Object.entries(record.servers)) {
      const other = now.get(name);
      const timeouts = longest(other?.timeouts, server.timeouts);
      now.set(name, { ...(other === undefined || server.default ? server : other), name, ...(timeouts && { timeouts }) });
    }
  }
  // A default that moved to another server is not remembered at the old one.
  const moved = [...now.values()].some((server) => server.default);
  for (const [name, server] of known) if (!now.has(name) && moved) known.set(name, { ...server, default: false });
  for (const [name, server] of now) if (known.has(name) || known.size < MAX_KNOWN) known.set(name, server);
}

/** Workers may be configured differently: whoever waits waits long enough for each. */
function longest(one: ServedServer['timeouts'], other: ServedServer['timeouts']): ServedServer['timeouts'] {
  if (one === undefined || other === undefined) return one ?? other;
  return { start: Math.max(one.start, other.start), request: Math.max(one.request, other.request) };
}
