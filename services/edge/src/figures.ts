/** Owns the figures of an edge: what passes through it, and what it sees of the whole cluster, read when somebody asks. */
import type { Metrics } from '@causeway/runtime';
import { serverLimits } from './admin/limits.ts';
import { listWorkers } from './admin/workers.ts';
import type { EdgeContext } from './context.ts';

const STATES = ['ready', 'full', 'draining'] as const;

export function addFigures(metrics: Metrics, edge: EdgeContext): void {
  // Identities are left out: there may be any number of them.
  const limits = () => serverLimits([...edge.cluster.ledger.workers().values()]);
  metrics.add(edge.durations.figure('mcp.server.operation.duration', 'How long requests take, by server, method and failure.'));
  metrics.add({
    name: 'causeway.request.failed',
    text: 'Requests that this edge has answered with an error of its own or of a worker, by its reason.',
    kind: 'total',
    read: () => [...edge.told].map(([reason, value]) => ({ value, of: { reason } })),
  });
  metrics.add({
    name: 'causeway.stream.open',
    text: 'Streams to clients that belong to no call.',
    kind: 'gauge',
    read: () => [{ value: edge.streams.size }],
  });
  metrics.add({
    name: 'causeway.workers',
    text: 'Workers of the cluster, as this edge knows them.',
    kind: 'gauge',
    read: () => {
      const workers = listWorkers(edge);
      return STATES.map((state) => ({ value: workers.filter((worker) => worker.state === state).length, of: { state } }));
    },
  });
  metrics.add({
    name: 'causeway.limit.used',
    text: 'Sessions held under a limit in the whole cluster, as this edge knows it.',
    kind: 'gauge',
    read: () => limits().map(({ scope, used }) => ({ value: used, of: { scope } })),
  });
  metrics.add({
    name: 'causeway.limit.max',
    text: 'What the limit allows; absent where there is none.',
    kind: 'gauge',
    read: () => limits().flatMap(({ scope, max }) => (max === null ? [] : [{ value: max, of: { scope } }])),
  });
}
