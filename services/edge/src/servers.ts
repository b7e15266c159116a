/**
 * Owns which MCP servers this edge offers and where: learnt from the workers' records, which the ledger
 * keeps current. A server that was seen stays known, so that a moment without its workers is told as such
 * ("nobody serves it now") and never as a mistyped name. One that a worker has given up while it went on is withdrawn when no
 * other has it: sessions of it find their way, and nothing new is begun.
 */
import type { Ledger, ServedServer, WorkerRecord } from '@causeway/cluster';
import { nearest } from '@causeway/config';
import type { Log } from '@causeway/runtime';

/** Names that are remembered at most. */
const MAX_KNOWN = 10_000;
/** Names that a warning has at most. */
const TOLD = 10;
/** Milliseconds that a server of which nothing is known is given. */
const DEADLINE = 10 * 60_000;
/**
 * Milliseconds by which the edge waits longer than the worker, which is to speak first; at a start the worker has to have
 * a place, a turn, and before a takeover certainty about the owner before, which the start's own time does not count.
 */
const SLACK = { request: 5_000, start: 30_000 };

/** `default` is what it is in the cluster, which need not be what its workers say of it. */
export interface OfferedServer extends ServedServer {
  readonly name: string;
  /** It is served no more but to those who use it already. */
  readonly withdrawn?: true;
}

export interface Servers extends Disposable {
  get(name: string): OfferedServer | undefined;
  /** The server at `/mcp`, `/sse` and `/message`. */
  default(): OfferedServer | undefined;
  /** The server whose own path is `path`, e.g. `/git`. */
  atPath(path: string): OfferedServer | undefined;
  all(): Iterable<OfferedServer>;
  /** Those, and what is withdrawn. */
  known(): Iterable<OfferedServer>;
  /** Milliseconds after which whoever waits for its start, or for an answer, gives up, whatever its worker says. */
  deadline(name: string, what: 'start' | 'request'): number;
  /** The name most like `name`, for whoever mistyped it. */
  nearest(name: string): string | undefined;
}

export function openServers(ledger: Ledger, log: Log): Servers {
  const known = new Map<string, OfferedServer>();
  const served = new ServedLately();
  let warned = false;
  const read = (): Index => {
    collect(ledger, known, served.dropped);
    const found = indexOf(known);
    const { marked } = found;
    if (marked.length > 1 && !warned) {
      warned = true;
      log.warn(
        { server: marked[0], marked: marked.slice(0, TOLD) },
        'several servers are marked as the default: the first by name is taken',
      );
    }
    return found;
  };
  served.changed(ledger);
  let index = read();
  const stop = ledger.onChange(() => {
    if (served.changed(ledger)) index = read();
  });
  return {
    get: (name) => index.byName.get(name),
    default: () => index.default,
    atPath: (path) => index.byPath.get(path),
    all: () => index.offered,
    known: () => index.byName.values(),
    deadline: (name, what) => (known.get(name)?.timeouts?.[what] ?? DEADLINE) + SLACK[what],
    nearest: (name) => (name.length > 64 ? undefined : nearest(name, namesOf(known, isOffered))),
    [Symbol.dispose]: stop,
  };
}

/** Records change with every session, what they say of servers hardly ever: only then are all read. */
class ServedLately {
  /** Names that a worker had before the last change, and has no more. */
  dropped: ReadonlySet<string> = new Set();
  #seen: ReadonlyMap<string, { readonly servers: WorkerRecord['servers']; readonly text: string }> = new Map();

  /** Whether what the workers serve is something else than at the last question. */
  changed(ledger: Pick<Ledger, 'workers'>): boolean {
    const workers = ledger.workers();
    let changed = workers.size !== this.#seen.size;
    const now = new Map<string, { readonly servers: WorkerRecord['servers']; readonly text: string }>();
    const dropped = new Set<string>();
    for (const [worker, { servers }] of workers) {
      const before = this.#seen.get(worker);
      const text = before?.servers === servers ? before.text : JSON.stringify(servers);
      changed ||= before?.text !== text;
      if (before && before.text !== text)
        for (const name of Object.keys(before.servers)) if (!Object.hasOwn(servers, name)) dropped.add(name);
      now.set(worker, { servers, text });
    }
    this.#seen = now;
    this.dropped = dropped;
    return changed;
  }
}

interface Index {
  readonly byName: ReadonlyMap<string, OfferedServer>;
  readonly byPath: ReadonlyMap<string, OfferedServer>;
  readonly default: OfferedServer | undefined;
  readonly offered: readonly OfferedServer[];
  /** Names for which a default is written, in order. */
  readonly marked: readonly string[];
}

function indexOf(known: ReadonlyMap<string, OfferedServer>): Index {
  const marked = namesOf(known, (server) => server.default && server.defaultImplied !== true);
  const first = defaultOf(known, marked);
  const byName = new Map<string, OfferedServer>();
  const byPath = new Map<string, OfferedServer>();
  for (const [name, server] of known) {
    const is = name === first;
    const offered = server.default === is ? server : { ...server, default: is };
    byName.set(name, offered);
    if (server.path === undefined) continue;
    const other = byPath.get(server.path);
    // Workers whose files give one path to two servers: every edge takes the same.
    if (other === undefined || goesBefore(offered, other)) byPath.set(server.path, offered);
  }
  const offered = [...byName.values()].filter(isOffered);
  return { byName, byPath, default: first === undefined ? undefined : byName.get(first), offered, marked };
}

const isOffered = ({ withdrawn }: OfferedServer): boolean => withdrawn !== true;

function goesBefore(one: OfferedServer, other: OfferedServer): boolean {
  return isOffered(one) === isOffered(other) ? one.name < other.name : isOffered(one);
}

/** Told by names alone: every edge has seen the workers in another order. What is only implied must be implied of one server alone. */
function defaultOf(known: ReadonlyMap<string, OfferedServer>, [first]: readonly string[]): string | undefined {
  if (first !== undefined) return first;
  const implied = namesOf(known, (server) => server.default);
  const [only, ...others] = implied.length > 0 ? implied : namesOf(known, isOffered);
  return others.length === 0 ? only : undefined;
}

function namesOf(known: ReadonlyMap<string, OfferedServer>, which: (server: OfferedServer) => boolean): string[] {
  return [...known.values()]
    .filter(which)
    .map(({ name }) => name)
    .toSorted();
}

function collect(ledger: Ledger, known: Map<string, OfferedServer>, dropped: ReadonlySet<string>): void {
  const now = new Map<string, OfferedServer>();
  for (const record of ledger.workers().values()) {
    for (const [name, server] of Object.entries(record.servers)) {
      const other = now.get(name);
      const timeouts = longest(other?.timeouts, server.timeouts);
      now.set(name, { ...(other === undefined || weight(server) > weight(other) ? server : other), name, ...(timeouts && { timeouts }) });
    }
  }
  // A default that moved to another server is not remembered at the old one.
  const moved = [...now.values()].some((server) => server.default);
  for (const [name, server] of known) if (!now.has(name) && moved) known.set(name, { ...server, default: false });
  for (const name of dropped) {
    const server = known.get(name);
    if (server && !now.has(name)) known.set(name, { ...server, default: false, withdrawn: true });
  }
  for (const [name, server] of now) if (known.has(name) || known.size < MAX_KNOWN) known.set(name, server);
}

/** Of what workers say of one server counts what is written. */
function weight({ default: first, defaultImplied }: ServedServer): number {
  return first ? (defaultImplied ? 1 : 2) : 0;
}

/** Workers may be configured differently: whoever waits waits long enough for each. */
function longest(one: ServedServer['timeouts'], other: ServedServer['timeouts']): ServedServer['timeouts'] {
  if (one === undefined || other === undefined) return one ?? other;
  return { start: Math.max(one.start, other.start), request: Math.max(one.request, other.request) };
}
