/**
 * Owns the composition of a worker: its parts in the order of their dependencies, released in reverse.
 */
import { hostname } from 'node:os';
import { BusError, encode, type Cluster, type DownHead, type OpenHead, type ServedServer } from '@causeway/cluster';
import type { Config } from '@causeway/config';
import { CausewayError, newWorkerId, type SessionToken, type WorkerId } from '@causeway/protocol';
import { createWheel, systemClock, type Log, type Wheel } from '@causeway/runtime';
import { Capacity } from './capacity.ts';
import { createBreaker } from './child/breaker.ts';
import { openOrphanSweep } from './child/orphans.ts';
import { EdgeWatch } from './edges.ts';
import { openIntake } from './intake.ts';
import { probe } from './probe.ts';
import { JournalBudget } from './session/budget.ts';
import type { SessionDeps } from './session/deps.ts';
import { Session } from './session/session.ts';
import type { EndReason } from './session/states.ts';
import { openStarts, type StartChild } from './starts.ts';
import { openTenure } from './tenure.ts';

/** The groups of the configuration that a worker is given. */
export interface WorkerOptions {
  readonly servers: Config['servers'];
  readonly worker: Config['worker'];
  readonly streams: Config['streams'];
  readonly drain: Config['drain'];
}

export interface WorkerDeps {
  readonly cluster: Cluster;
  readonly log: Log;
  /** Needed where the cluster's inbox is named after it; default a new one. */
  readonly id?: WorkerId;
}

export interface Worker extends AsyncDisposable {
  readonly id: WorkerId;
  /** Starts a child of the server once and stops it. Rejects with CausewayError `server.*`. */
  probe(server: string): Promise<void>;
  /** Takes no new sessions, waits until running calls are answered, at most `deadline` milliseconds, then ends every session. */
  drain(deadline: number): Promise<void>;
}

const VERSION = '0.1.0';
/** Stands for the session in the mark of a probed child. */
const PROBE = 'probe';

/** Starts a worker; when it resolves, edges place sessions on it. */
export async function openWorker(deps: WorkerDeps, options: WorkerOptions): Promise<Worker> {
  const { cluster } = deps;
  const id = deps.id ?? newWorkerId();
  const log = deps.log.child({ scope: 'worker', owner: id });
  await using stack = new AsyncDisposableStack();
  const wheel = stack.use(createWheel());
  const starts = stack.use(await openStarts({ worker: id, log }, options.worker));
  const capacity = new Capacity(options.worker.capacity, (sessions) => tenure.update({ sessions }));
  const lost = (): Promise<void> => endAll(capacity, 'lease_lost');
  const tenure = stack.use(await openTenure({ ledger: cluster.ledger, wheel, log, lost }, firstRecord(id, options)));
  stack.use(await openOrphanSweep({ log, own: { worker: id, isCurrent: (mark) => isHeld(capacity, mark) } }));
  const { bus, subjects } = cluster;
  const reply = (to: string | undefined, head: DownHead): void => {
    try {
      if (to !== undefined) bus.publish(to, encode(head));
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
    }
  };
  const edges = stack.use(new EdgeWatch(wheel, (edge, to) => bus.publish(to, encode({ t: 'ping' }), subjects.edgeLost(id, edge))));
  const sessionDeps = depsOfSessions({ cluster, id, options, edges, draining: () => capacity.draining, reply, start: starts.start });
  const intake = await openIntake({
    cluster,
    worker: id,
    capacity,
    edges,
    log,
    reply,
    build: (head) => {
      if (!tenure.held) throw new CausewayError('cluster.unavailable', { retryAfter: 2 });
      return buildSession(head, sessionDeps, { servers: options.servers, wheel, log });
    },
  });
  stack.use(intake);
  const stopWatching = cluster.bus.onStatus((status) => {
    if (status === 'connected') for (const session of capacity.sessions) session.resumeStreams();
  });
  stack.defer(stopWatching);
  stack.defer(() => {
    capacity.refuse();
    return endAll(capacity, 'drain');
  });
  const owned = stack.move();
  return {
    id,
    probe: (name) => {
      const server = options.servers[name];
      if (!server) return Promise.reject(new CausewayError('server.unknown'));
      return probe(server, (listeners) => starts.start(PROBE, server, listeners));
    },
    async drain(deadline) {
      capacity.refuse();
      tenure.update({ draining: true });
      const { promise, resolve } = Promise.withResolvers<void>();
      const cancel = wheel.after(deadline, resolve);
      await Promise.race([promise, Promise.all(capacity.sessions.map((session) => session.quiet()))]);
      cancel();
      await endAll(capacity, 'drain');
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Surroundings {
  readonly servers: WorkerOptions['servers'];
  readonly wheel: Wheel;
  readonly log: Log;
}

/** A session for an opening, not started yet. Throws `server.unknown`. */
function buildSession(head: OpenHead, deps: SessionDeps, { servers, wheel, log }: Surroundings): Session {
  const server = Object.hasOwn(servers, head.server) ? servers[head.server] : undefined;
  if (!server) throw new CausewayError('server.unknown');
  const { session: token, identity, transport } = head;
  const named = log.child({ server: server.name, session: token.slice(0, 8) });
  return new Session(deps, { token, identity, server, transport, clock: systemClock, wheel, log: named });
}

/** Whether the session that a child's mark names is still here; a probe has none. */
function isHeld(capacity: Capacity, mark: string): boolean {
  const session = mark.split('/')[1] ?? '';
  return session === PROBE || capacity.find(session as SessionToken) !== undefined;
}

async function endAll(capacity: Capacity, reason: EndReason): Promise<void> {
  const { sessions } = capacity;
  for (const session of sessions) session.close(reason);
  await Promise.all(sessions.map(({ ended }) => ended));
}

function firstRecord(worker: WorkerId, { servers, worker: { capacity } }: WorkerOptions): Parameters<Cluster['ledger']['lease']>[0] {
  const served = Object.entries(servers).map(([name, server]): [string, ServedServer] => [
    name,
    { default: server.default, recovery: server.recovery, ...(server.path === undefined ? {} : { path: server.path }) },
  ]);
  return { v: 1, worker, host: hostname(), version: VERSION, capacity, sessions: 0, draining: false, servers: Object.fromEntries(served) };
}

interface SessionDoors {
  readonly cluster: Cluster;
  readonly id: WorkerId;
  readonly options: WorkerOptions;
  readonly edges: EdgeWatch;
  readonly draining: SessionDeps['draining'];
  readonly reply: SessionDeps['reply'];
  readonly start: StartChild;
}

function depsOfSessions({ cluster, id, options: { streams }, edges, draining, reply, start }: SessionDoors): SessionDeps {
  const { bus, subjects } = cluster;
  const breaker = createBreaker({ now: () => systemClock.monotonic(), random: Math.random });
  const budget = new JournalBudget(streams.workerJournalBytes);
  return {
    worker: id,
    edges,
    draining,
    charge: (stream, bytes) => budget.charge(stream, bytes),
    records: cluster.sessions,
    maxMessage: streams.maxMessage,
    streamLimits: {
      frames: streams.journalFrames,
      bytes: streams.journalBytes,
      age: streams.journalAge,
      credit: { frames: streams.creditFrames, bytes: streams.creditBytes },
    },
    attempt: (server) => breaker.attempt(server),
    reply,
    publishStream: (session: SessionToken) => (to, head, bytes, stream, seq) => {
      const receipt = subjects.streamLost(id, session, stream.name, stream.attachment, seq);
      bus.publish(to, bytes ? encode(head, bytes) : encode(head), receipt);
    },
    startChild: start,
  };
}
