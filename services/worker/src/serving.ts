/**
 * Owns what a worker serves with: how its sessions are built, the door for requests without one, and what both share,
 * which is places, children, the eras of servers, and the account of what runs.
 */
import { Envelope, type Cluster, type Generation, type OpenHead, type StoredSession } from '@causeway/cluster';
import { ANONYMOUS, CausewayError, identityLabel, type WorkerId } from '@causeway/protocol';
import type { Log, Metrics } from '@causeway/runtime';
import type { Capacity } from './capacity.ts';
import { createBreaker, type Breaker } from './child/breaker.ts';
import type { Defined, Definitions, Replaced } from './definitions.ts';
import { EdgeWatch } from './edges.ts';
import { openEras, type ErasDeps, type OpenEras } from './era/eras.ts';
import { addLeaseFigure, addServerDurations, addServerFigure } from './figures.ts';
import type { Machine } from './machine.ts';
import { totalsOf, type WorkerOptions } from './options.ts';
import type { SessionDeps } from './session/deps.ts';
import { Room } from './pool/room.ts';
import { Session } from './session/session.ts';
import { depsOfSessions } from './session-ports.ts';
import { Spares } from './spares.ts';
import { startProbed, type StartProbed } from './start-probed.ts';
import type { Standstill } from './standstill.ts';
import { StatelessDoor } from './stateless-door.ts';
import type { Tenure } from './tenure.ts';
import { Vigil } from './vigil.ts';

export interface ServingDeps {
  readonly cluster: Cluster;
  readonly id: WorkerId;
  readonly options: WorkerOptions;
  readonly servers: Definitions;
  /** Of the session records, as this worker began. */
  readonly generation: Generation;
  readonly capacity: Capacity;
  readonly tenure: Tenure;
  readonly standstill: Pick<Standstill, 'stops'>;
  readonly machine: Machine;
  /** Of the whole cluster. */
  readonly key: Uint8Array;
  /** The marks of children that belong to no session. */
  readonly marks: Set<string>;
  readonly reply: SessionDeps['reply'];
  readonly metrics: Metrics;
  readonly log: Log;
}

/** The facts of a session that is to be built: from its opening, or from its record. */
type BuiltSession = Pick<OpenHead, 'server' | 'session' | 'identity' | 'transport' | 'share'> & {
  readonly epoch: number;
  readonly created: number;
};

export interface Serving {
  /** For requests without a session. */
  readonly door: StatelessDoor;
  readonly edges: EdgeWatch;
  /** Where other workers ask for a place, and are asked. */
  readonly room: Room;
  /** Children that wait for sessions and pools. */
  readonly spares: Spares;
  /** A session, not begun yet; `from`: the record of the one that is taken over. Throws CausewayError. */
  readonly build: (facts: BuiltSession, from?: StoredSession) => Session;
  /** As `Worker.serve`. */
  readonly serve: (defined: Defined) => Replaced;
}

/** What is opened is left to `stack`. */
export function openServing(stack: AsyncDisposableStack, deps: ServingDeps): Serving {
  const { cluster, id, options, servers, capacity, tenure, machine, log } = deps;
  const { clock, wheel, random, start } = machine;
  const now = (): number => clock.monotonic();
  const breaker = createBreaker({ now, random });
  const durations = addServerDurations(deps.metrics, clock, options.diagnostics);
  addLeaseFigure(deps.metrics, tenure);
  addServerFigure(deps.metrics, servers, (server) => breaker.isOpen(server));
  const spares = stack.use(new Spares({ start, servers, marks: deps.marks, wheel, now, random, log }));
  const startChild = spares.start;
  const eras = stack.use(openEras(erasDeps(deps, breaker, startProbed(startChild, deps.marks))));
  const ping = (edge: string, to: string, nth: number): void =>
    cluster.bus.publish(to, new Envelope({ t: 'ping' }), cluster.subjects.edgeLost(id, edge, nth));
  const edges = stack.use(new EdgeWatch(wheel, ping));
  const vigil = stack.use(openVigil(deps));
  const shared = depsOfSessions({ ...deps, edges, vigil, breaker, eras, durations, wheel, startChild });
  const room: Room = new Room({ cluster, worker: id, wheel, now, random, giveUp: (place, limit) => door.pools.giveUp(place, limit) });
  const elsewhere = room.find.bind(room);
  const roomElsewhere = room.isElsewhere.bind(room);
  const door = new StatelessDoor({ ...shared, ...deps, eras, clock, wheel, now, elsewhere, roomElsewhere });
  capacity.onLost(() => void door.close(new CausewayError('cluster.owner_lost')));
  const sessionDeps: SessionDeps = { ...shared, admit: door.pools.makingRoom((claim, how) => shared.admit(claim, how)) };
  return {
    door,
    edges,
    room,
    spares,
    build: (facts, from) => {
      if (!tenure.held) throw new CausewayError('cluster.unavailable', { retryAfter: 2 });
      return buildSession(facts, sessionDeps, deps, from);
    },
    serve: (next) => replace(servers, next, { breaker, door, spares, eras, tenure }),
  };
}

interface Replacing {
  readonly breaker: Breaker;
  readonly door: StatelessDoor;
  readonly spares: Spares;
  readonly eras: OpenEras;
  readonly tenure: Tenure;
}

function replace(servers: Definitions, next: Defined, { breaker, door, spares, eras, tenure }: Replacing): Replaced {
  const replaced = servers.replace(next);
  const otherwise = [...replaced.changed, ...replaced.removed];
  for (const server of otherwise) breaker.forget(server);
  door.replaced(otherwise);
  spares.fill();
  // Last: whoever comes for one of them finds all of it.
  eras.replaced();
  tenure.update({ limits: totalsOf(servers.limits) });
  return replaced;
}

function openVigil({ cluster, generation, capacity, tenure, machine: { clock, wheel }, log }: ServingDeps): Vigil {
  return new Vigil({
    ...{ records: cluster.sessions, seen: generation, wheel, now: () => clock.monotonic(), log, sessions: () => capacity.sessions },
    certain: () => tenure.certain,
    marked: (mark) => tenure.update({ mark }),
  });
}

function erasDeps({ cluster, id, servers, machine, tenure, log }: ServingDeps, breaker: Breaker, start: StartProbed): ErasDeps {
  return {
    ...{ wheel: machine.wheel, log, servers },
    start,
    attempt: (server) => breaker.attempt(server),
    others: () => [...cluster.ledger.workers().values()].filter(({ worker }) => worker !== id),
    update: (change) => tenure.update(change),
  };
}

/** A session, not begun yet. Throws `server.unknown`. */
function buildSession(facts: BuiltSession, deps: SessionDeps, { servers, machine, log }: ServingDeps, from?: StoredSession): Session {
  const { clock, wheel } = machine;
  const server = servers.get(facts.server);
  if (!server) throw new CausewayError('server.unknown');
  const { session: token, identity, share, transport, epoch, created } = facts;
  const whose = identity === ANONYMOUS ? {} : { identity: identityLabel(identity) };
  const named = log.child({ server: server.name, session: token.slice(0, 8), ...whose });
  const opening = { token, identity, server, transport, epoch, created, clock, wheel, log: named };
  return new Session(deps, share === undefined ? opening : { ...opening, share }, from);
}
