/**
 * Owns what the worker gives to each of its sessions: its doors to the bus and the records, and what they share: the
 * account of the journals and of running calls.
 */
import { Envelope, offer, type Cluster, type DownHead } from '@causeway/cluster';
import type { WorkerId } from '@causeway/protocol';
import type { Durations, Log, Wheel } from '@causeway/runtime';
import type { Capacity } from './capacity.ts';
import type { Breaker } from './child/breaker.ts';
import type { Definitions } from './definitions.ts';
import type { EdgeWatch } from './edges.ts';
import type { Eras } from './era/eras.ts';
import { startInEra } from './era/start-in-era.ts';
import { totalsOf, type WorkerOptions } from './options.ts';
import { JournalBudget } from './session/budget.ts';
import { CallLimits } from './session/call-limits.ts';
import type { SessionDeps } from './session/deps.ts';
import type { StartChild } from './starts.ts';
import type { Standstill } from './standstill.ts';
import type { Tenure } from './tenure.ts';
import type { Vigil } from './vigil.ts';

/** What the bus does not take is left to the edge's deadline. */
export function replyBy({ bus }: Cluster): (to: string | undefined, head: DownHead) => void {
  return (to, head) => {
    if (to !== undefined) offer(() => bus.publish(to, new Envelope(head)));
  };
}

export interface SessionDoors {
  readonly cluster: Cluster;
  readonly id: WorkerId;
  readonly options: WorkerOptions;
  readonly servers: Pick<Definitions, 'limits'>;
  readonly edges: EdgeWatch;
  readonly capacity: Capacity;
  readonly tenure: Tenure;
  readonly standstill: Pick<Standstill, 'stops'>;
  readonly vigil: Vigil;
  readonly reply: SessionDeps['reply'];
  /** Of servers that keep failing to start. */
  readonly breaker: Breaker;
  readonly eras: Eras;
  readonly durations: Durations;
  readonly log: Log;
  readonly wheel: Wheel;
  /** A spare, or a new one. */
  readonly startChild: StartChild;
}

export function depsOfSessions(doors: SessionDoors): SessionDeps {
  const {
    cluster,
    id,
    options,
    servers,
    edges,
    capacity,
    tenure,
    standstill,
    vigil,
    reply,
    breaker,
    eras,
    durations,
    log,
    wheel,
    startChild,
  } = doors;
  const { bus, subjects } = cluster;
  const { streams } = options;
  const budget = new JournalBudget(streams.workerJournalBytes);
  return {
    worker: id,
    edges,
    draining: () => capacity.draining,
    // Also for timers: after a stop they may be the first to run.
    mayAct: () => {
      tenure.awake();
      return tenure.held;
    },
    stops: () => standstill.stops,
    awake: () => tenure.awake(),
    // In memory there is no other worker that could take anything over.
    recoverable: ({ recovery }) => cluster.kind === 'nats' && recovery === 'restart',
    limitsOf: ({ limits: { sessions: server } }) => ({ ...totalsOf(servers.limits), ...(server === undefined ? {} : { server }) }),
    admit: (claim, how) => tenure.admit(claim, how),
    calls: new CallLimits(() => servers.limits),
    durations,
    removeLater: (ended) => vigil.removeLater(ended),
    charge: (stream, bytes) => budget.charge(stream, bytes),
    records: cluster.sessions,
    maxMessage: streams.maxMessage,
    streamLimits: {
      frames: streams.journalFrames,
      bytes: streams.journalBytes,
      age: streams.journalAge,
      credit: { frames: streams.creditFrames, bytes: streams.creditBytes },
    },
    attempt: (server, identity) => breaker.attempt(server, identity),
    reply,
    publishStream: (session) => (to, head, bytes, stream, seq) => {
      const receipt = subjects.streamLost(id, session, stream.name, stream.attachment, seq);
      bus.publish(to, new Envelope(head, bytes), receipt);
    },
    startChild,
    startInEra: startInEra({ start: startChild, eras, wheel, log }),
  };
}
