/** Owns the figures of a worker: how many sessions it holds, and has room for, its lease, and its servers; read when somebody asks. */
import { methodLabel, nameAttribute, OTHER } from '@causeway/protocol';
import { Durations, type Clock, type Metrics } from '@causeway/runtime';
import type { Capacity } from './capacity.ts';
import type { Definitions } from './definitions.ts';
import type { WorkerOptions } from './options.ts';
import type { Tenure } from './tenure.ts';

interface Shown {
  readonly capacity: Pick<Capacity, 'begun' | 'ended' | 'sessions' | 'draining' | 'leaving' | 'paused'>;
  readonly tenure: Pick<Tenure, 'held'>;
  readonly servers: Pick<Definitions, 'all'>;
  readonly options: Pick<WorkerOptions, 'worker'>;
  /** Places that are held, by sessions and by what serves requests without one: as the ledger knows it. */
  readonly held: () => number;
}

export function addLeaseFigure(metrics: Metrics, tenure: Pick<Tenure, 'held'>): void {
  metrics.add({
    name: 'causeway.worker.lease.held',
    text: '1 while this worker has its lease, without which it takes no session in and touches none, else 0.',
    kind: 'gauge',
    read: () => [{ value: tenure.held ? 1 : 0 }],
  });
}

/** `failing`: whether the breaker keeps starts of the server back. */
export function addServerFigure(metrics: Metrics, servers: Pick<Definitions, 'all'>, failing: (server: string) => boolean): void {
  metrics.add({
    name: 'causeway.server.failing',
    text: '1 while starts of the server are paused or on trial at this worker, since too many of them failed, else 0.',
    kind: 'gauge',
    read: () => Object.keys(servers.all).map((server) => ({ value: failing(server) ? 1 : 0, of: { 'causeway.server': server } })),
  });
}

/** Of what servers are asked, from where it is written to a child to the answer. */
export function addServerDurations(metrics: Metrics, clock: Clock, { tools }: WorkerOptions['diagnostics']): Durations {
  const durations = new Durations(clock, methodLabel, { most: tools, other: OTHER, attributeOf: nameAttribute });
  metrics.add(durations.figure('mcp.client.operation.duration', 'How long requests take at their server, by server, method and failure.'));
  return durations;
}

export function addFigures(metrics: Metrics, { capacity, tenure, servers, options, held }: Shown): void {
  const { worker } = options;
  const takes = (): boolean => tenure.held && !capacity.draining && !capacity.leaving && !capacity.paused;
  const slots = (name: string, text: string, value: () => number): void => {
    metrics.add({ name: `causeway.worker.slots.${name}`, text, kind: 'gauge', read: () => [{ value: value() }] });
  };
  slots('used', 'Places of this worker that are taken.', held);
  slots('max', 'Places that it has.', () => worker.capacity);
  slots('available', 'What is left of them; none while it takes no session in.', () =>
    takes() ? Math.max(0, worker.capacity - held()) : 0,
  );
  metrics.add({
    name: 'causeway.sessions',
    text: 'Sessions that this worker holds, by server.',
    kind: 'gauge',
    read: () => {
      const counts = new Map(Object.keys(servers.all).map((server) => [server, 0]));
      for (const session of capacity.sessions) {
        const { server } = session.describe();
        counts.set(server, (counts.get(server) ?? 0) + 1);
      }
      return [...counts].map(([server, value]) => ({ value, of: { 'causeway.server': server } }));
    },
  });
  metrics.add({
    name: 'causeway.session.started',
    text: 'Sessions that this worker has taken in: opened, or taken over.',
    kind: 'total',
    read: () => [{ value: capacity.begun }],
  });
  metrics.add({
    name: 'causeway.session.ended',
    text: 'Sessions that have ended at this worker, by the reason; those that were released or have moved go on at another.',
    kind: 'total',
    read: () => [...capacity.ended].map(([reason, value]) => ({ value, of: { reason } })),
  });
}
