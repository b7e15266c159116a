/**
 * Owns the shape of what a service is given: one cluster, whose parts share their connections and their end.
 * How one is opened is open.ts's.
 */
import type { Bus, BusLimits } from './bus.ts';
import type { LeaseTimes, Ledger } from './ledger.ts';
import type { MemoryBus } from './memory/bus.ts';
import type { MemoryHub } from './memory/hub.ts';
import type { SessionRecords } from './sessions.ts';
import type { Subjects } from './subjects.ts';

export interface Cluster extends AsyncDisposable {
  readonly kind: 'memory' | 'nats';
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly sessions: SessionRecords;
  readonly subjects: Subjects;
}

export interface MemoryClusterOptions {
  /** Shared by clusters that are to meet; default a hub of its own. */
  readonly hub?: MemoryHub;
  /** First token or tokens of every subject. Default `cw`. */
  readonly prefix?: string;
  readonly limits?: Partial<BusLimits>;
  readonly leaseTimes?: LeaseTimes;
}

export interface MemoryCluster extends Cluster {
  readonly kind: 'memory';
  readonly bus: MemoryBus;
  /** Cuts this cluster off from its hub, or joins it again: bus, ledger and session records together. */
  setConnected(connected: boolean): void;
}

/** How one process proves to NATS who it is; at most one way. Files are read at every (re)connection. */
export type NatsCredentials =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  | { readonly credsFile: string }
  | { readonly nkeyFile: string };

export interface NatsClusterOptions {
  /** `host:port` or `nats://` URLs; one that answers is enough. */
  readonly servers: readonly string[];
  /** Shown by NATS's monitoring, e.g. `causeway-edge-<id>`. */
  readonly name: string;
  /** First token or tokens of every subject; buckets are named after it. Default `cw`. */
  readonly prefix?: string;
  /** `Subjects.workerInbox` or `Subjects.edgeInbox` of this process. */
  readonly inbox: string;
  readonly credentials?: NatsCredentials;
  /** PEM files, read at every (re)connection; there at all, TLS is demanded, as by a `tls://` URL. Without, a server that asks for it is met with Node's authorities. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /** Milliseconds until opening gives up. Default 30,000. */
  readonly connectDeadline?: number;
  /** Copies of each bucket; default 3 where servers form a cluster, 1 while it has fewer than three. */
  readonly replicas?: number;
  readonly leaseTimes?: LeaseTimes;
  readonly limits?: Partial<BusLimits>;
  /** Whether to follow the addresses that servers tell of each other. Default true; false behind a load balancer. */
  readonly gossip?: boolean;
  /** Told of what NATS reports and nobody here waits for, e.g. a publication that the role does not permit. */
  readonly warn?: (message: string) => void;
  /** Abandons the opening; afterwards it does nothing. */
  readonly signal?: AbortSignal;
}
