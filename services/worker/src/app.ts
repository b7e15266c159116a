/**
 * Owns the composition of a worker: its parts in the order of their dependencies, released in reverse.
 */
import { hostname } from 'node:os';
import { encode, type Cluster, type NewRecord, type OpenHead, type ServedServer, type StoredSession } from '@causeway/cluster';
import { CausewayError, newWorkerId, type SessionToken, type WorkerId } from '@causeway/protocol';
import type { Clock, Log, Wheel } from '@causeway/runtime';
import { Capacity } from './capacity.ts';
import { createBreaker } from './child/breaker.ts';
import { createControl } from './control.ts';
import { EdgeWatch } from './edges.ts';
import { openEras, type ErasDeps } from './era/eras.ts';
import { openIntake } from './intake.ts';
import { openMachine, type Machine } from './machine.ts';
import { graceOf, totalsOf, type WorkerOptions } from './options.ts';
import { probe } from './probe.ts';
import type { SessionDeps } from './session/deps.ts';
import { Session } from './session/session.ts';
import { depsOfSessions, replyBy, type SessionDoors } from './session-ports.ts';
import { Takeover } from './takeover.ts';
import { openTenure, type Tenure } from './tenure.ts';
import { Vigil } from './vigil.ts';

export interface WorkerDeps {
  readonly cluster: Cluster;
  readonly log: Log;
  /** Needed where the cluster's inbox is named after it; default a new one. */
  readonly id?: WorkerId;
  /** Default the one that this process runs on. */
  readonly machine?: Machine;
}

export interface Worker extends AsyncDisposable {
  readonly id: WorkerId;
  /** Starts a child of the server once and stops it; resolves with the first stray line on its stdout. Rejects with CausewayError `server.*`. */
  probe(server: string): Promise<string | undefined>;
  /** Takes no new sessions, waits until running calls are answered, at most `deadline` milliseconds, then ends every session. */
  drain(deadline: number): Promise<void>;
}

const VERSION = '0.1.0';
/** Stands for the session in the mark of a probed child. */
const PROBE = { token: 'probe' as SessionToken, epoch: 1 };

/** Starts a worker; when it resolves, edges place sessions on it. */
export async function openWorker(deps: WorkerDeps, options: WorkerOptions): Promise<Worker> {
  const { cluster } = deps;
  const id = deps.id ?? newWorkerId();
  const log = deps.log.child({ scope: 'worker', owner: id });
  await using stack = new AsyncDisposableStack();
  const machine = deps.machine ?? stack.use(await openMachine({ worker: id, log }, options.worker));
  const { clock, wheel, start } = machine;
  const now = (): number => clock.monotonic();
  const capacity = new Capacity();
  // Whoever knows the key can put it back; while it is looked for nobody should place a session here.
  await cluster.sessions.signingKey();
  const first = firstRecord(id, options);
  const tenure = stack.use(
    await openTenure({ ledger: cluster.ledger, wheel, log, now, grace: graceOf(options), sessions: capacity }, first),
  );
  stack.use(await machine.sweep((mark) => isHeld(capacity, mark)));
  const breaker = createBreaker({ now, random: machine.random });
  stack.use(openEras(erasDeps({ cluster, first, machine, tenure, breaker, log })));
  const { bus, subjects } = cluster;
  const reply = replyBy(cluster);
  const edges = stack.use(new EdgeWatch(wheel, (edge, to) => bus.publish(to, encode({ t: 'ping' }), subjects.edgeLost(id, edge))));
  const vigil = stack.use(new Vigil({ records: cluster.sessions, wheel, log, sessions: () => capacity.sessions }));
  const sessionDeps = depsOfSessions({ cluster, id, options, edges, capacity, tenure, vigil, reply, machine, breaker });
  const build = (opening: BuiltSession, from?: StoredSession): Session => {
    if (!tenure.held) throw new CausewayError('cluster.unavailable', { retryAfter: 2 });
    return buildSession(opening, sessionDeps, { servers: options.servers, clock, wheel, log }, from);
  };
  const takeover = new Takeover({
    cluster,
    worker: id,
    servers: options.servers,
    capacity,
    sleep: (ms) => new Promise((resolve) => wheel.after(ms, resolve)),
    now,
    build: (session, stored) => build({ ...stored.record, session, epoch: stored.record.epoch + 1 }, stored),
  });
  const link = stack.use(followBus(bus, tenure, capacity));
  stack.use(
    await openIntake({
      cluster,
      worker: id,
      capacity,
      edges,
      takeover,
      awake: () => tenure.awake(),
      log,
      reply,
      build: (head) => build({ ...head, epoch: 1, created: clock.now() }),
      losses: () => link.losses,
      control: createControl({ bus, capacity, log, draining: (draining) => tenure.update({ draining }) }),
    }),
  );
  stack.defer(async () => {
    capacity.refuse();
    await capacity.giveUp();
    // The door stays open until nobody knocks: what is already on its way here is told where to go.
    await tenure.leave();
  });
  const owned = stack.move();
  return {
    id,
    probe: (name) => {
      const server = options.servers[name];
      if (!server) return Promise.reject(new CausewayError('server.unknown'));
      return probe(server, (listeners) => start(PROBE, server, listeners));
    },
    drain: (deadline) => drain(deadline, { capacity, tenure, wheel }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface ErasSurroundings extends Pick<SessionDoors, 'cluster' | 'machine' | 'tenure' | 'breaker'> {
  readonly first: NewRecord;
  readonly log: Log;
}

function erasDeps({ cluster, first, machine, tenure, breaker, log }: ErasSurroundings): ErasDeps {
  return {
    ...{ wheel: machine.wheel, log, served: first.servers },
    start: (server, listeners, signal) => machine.start(PROBE, server, listeners, signal),
    attempt: (server) => breaker.attempt(server),
    others: () => [...cluster.ledger.workers().values()].filter(({ worker }) => worker !== first.worker),
    update: (change) => tenure.update(change),
  };
}

/** What the sessions and the lease are told of the bus. */
function followBus(bus: Cluster['bus'], tenure: Tenure, capacity: Capacity): Disposable & { readonly losses: number } {
  const link = { losses: 0, [Symbol.dispose]: () => stop() };
  const stop = bus.onStatus((status) => {
    tenure.connected(status === 'connected');
    if (status === 'connected') for (const session of capacity.sessions) session.readers.resume();
    else link.losses += 1;
  });
  return link;
}

interface Draining {
  readonly capacity: Capacity;
  readonly tenure: Tenure;
  readonly wheel: Wheel;
}

async function drain(deadline: number, { capacity, tenure, wheel }: Draining): Promise<void> {
  capacity.refuse();
  tenure.update({ draining: true });
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = wheel.after(deadline, resolve);
  await Promise.race([promise, Promise.all(capacity.sessions.map((session) => session.release()))]);
  cancel();
  await capacity.giveUp();
}

interface Surroundings {
  readonly servers: WorkerOptions['servers'];
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly log: Log;
}

/** The facts of a session that is to be built: from its opening, or from its record. */
type BuiltSession = Pick<OpenHead, 'server' | 'session' | 'identity' | 'transport' | 'share'> & {
  readonly epoch: number;
  readonly created: number;
};

/** A session, not begun yet. Throws `server.unknown`. */
function buildSession(facts: BuiltSession, deps: SessionDeps, { servers, clock, wheel, log }: Surroundings, from?: StoredSession): Session {
  const server = Object.hasOwn(servers, facts.server) ? servers[facts.server] : undefined;
  if (!server) throw new CausewayError('server.unknown');
  const { session: token, identity, share, transport, epoch, created } = facts;
  const named = log.child({ server: server.name, session: token.slice(0, 8) });
  const opening = { token, identity, server, transport, epoch, created, clock, wheel, log: named };
  return new Session(deps, share === undefined ? opening : { ...opening, share }, from);
}

/** Whether the session that a child's mark names is still here; a probe has none. */
function isHeld(capacity: Capacity, mark: string): boolean {
  const session = mark.split('/')[1] ?? '';
  return session === PROBE.token || capacity.find(session as SessionToken) !== undefined;
}

function firstRecord(worker: WorkerId, { servers, limits: totals, worker: { capacity } }: WorkerOptions): NewRecord {
  const served = Object.entries(servers).map(([name, server]): [string, ServedServer] => {
    const { default: first, recovery, path, startTimeout: start, requestTimeout: request, limits } = server;
    return [
      name,
      {
        ...{ default: first, recovery, timeouts: { start, request } },
        ...(path === undefined ? {} : { path }),
        ...(limits.sessions === undefined ? {} : { limit: limits.sessions }),
      },
    ];
  });
  return {
    v: 1,
    worker,
    host: hostname(),
    version: VERSION,
    capacity,
    draining: false,
    servers: Object.fromEntries(served),
    limits: totalsOf(totals),
  };
}
