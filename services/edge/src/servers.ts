/**
 * Owns which MCP servers this edge offers and where: learnt from the workers' records, which the ledger
 * keeps current. A server stays known while any worker that serves it lives.
 */
import type { Ledger, ServedServer } from '@causeway/cluster';

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
  /** The name most like `name`, for whoever mistyped it. */
  nearest(name: string): string | undefined;
}

export function openServers(ledger: Ledger): Servers {
  let known = collect(ledger);
  const stop = ledger.onChange(() => {
    known = collect(ledger);
  });
  return {
    get: (name) => known.get(name),
    default: () => {
      const all = [...known.values()];
      return all.find((server) => server.default) ?? (all.length === 1 ? all[0] : undefined);
    },
    atPath: (path) => [...known.values()].find((server) => server.path === path),
    all: () => known.values(),
    nearest: (name) => nearest(name, known.keys()),
    [Symbol.dispose]: stop,
  };
}

function collect(ledger: Ledger): Map<string, OfferedServer> {
  const servers = new Map<string, OfferedServer>();
  for (const record of ledger.workers().values()) {
    for (const [name, server] of Object.entries(record.servers)) {
      if (!servers.has(name) || server.default) servers.set(name, { ...server, name });
    }
  }
  return servers;
}

function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  if (name.length > 64) return undefined;
  for (const candidate of names) {
    const steps = distance(name.toLowerCase(), candidate.toLowerCase());
    if (steps < least) [best, least] = [candidate, steps];
  }
  return best;
}

/** Edits between two short words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
