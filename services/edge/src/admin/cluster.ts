/** Owns what operators see of the cluster as a whole, and the name by which two of its edges are known as neighbours. Pure. */
import { createHash } from 'node:crypto';
import type { EdgeContext } from '../context.ts';
import { listWorkers } from './workers.ts';

export interface ClusterView {
  /** The same at every edge of one cluster. */
  readonly id: string;
  /** Who answers. */
  readonly edge: string;
  readonly kind: 'memory' | 'nats';
  /** While it is not `connected`, what is told of workers is what was last seen. */
  readonly bus: 'connected' | 'disconnected' | 'closed';
  readonly workers: number;
  /** Of these, such as take no new sessions. */
  readonly draining: number;
  readonly sessions: number;
  readonly capacity: number;
  readonly servers: number;
}

/** What shares the key that signs session ids is one cluster. */
export function clusterId(key: Buffer): string {
  return createHash('sha256').update('causeway cluster').update(key).digest('base64url').slice(0, 12);
}

export function describeCluster(edge: EdgeContext): ClusterView {
  const workers = listWorkers(edge);
  const sum = (of: (worker: (typeof workers)[number]) => number): number => workers.reduce((total, worker) => total + of(worker), 0);
  return {
    id: clusterId(edge.key),
    edge: edge.id,
    kind: edge.cluster.kind,
    bus: edge.cluster.bus.status,
    workers: workers.length,
    draining: sum(({ state }) => (state === 'draining' ? 1 : 0)),
    sessions: sum(({ sessions }) => sessions),
    capacity: sum(({ capacity }) => capacity),
    servers: [...edge.servers.all()].length,
  };
}
