/**
 * Owns the composition of a worker: its parts in the order of their dependencies, released in reverse.
 */
import { hostname } from 'node:os';
import type { Cluster, NewRecord } from '@causeway/cluster';
import { CausewayError, newWorkerId, type SessionToken, type WorkerId } from '@causeway/protocol';
import { createMetrics, withDeadline, type Health, type Log, type Metrics, type Wheel } from '@causeway/runtime';
import { Absences } from './absences.ts';
import { Capacity } from './capacity.ts';
import { addChecks } from './checks.ts';
import { createControl } from './control.ts';
import { Definitions, type Defined, type Replaced } from './definitions.ts';
import { addFigures } from './figures.ts';
import { openIntake } from './intake.ts';
import { openMachine, type Machine } from './machine.ts';
import { graceOf, totalsOf, type WorkerOptions } from './options.ts';
import { probe } from './probe.ts';
import { openServing, type Serving } from './serving.ts';
import { replyBy } from './session-ports.ts';
import type { Spares } from './spares.ts';
import { startProbed, type StartProbed } from './start-probed.ts';
import type { StatelessDoor } from './stateless-door.ts';
import { Standstill } from './standstill.ts';
import { Takeover, type TakeoverDeps } from './takeover.ts';
import { openTenure, type Tenure } from './tenure.ts';

/** Milliseconds in which what was said at the end may leave. */
const LAST_WORDS = 3_000;

export interface WorkerDeps {
  readonly cluster: Cluster;
  readonly log: Log;
  /** Needed where the cluster's inbox is named after it; default a new one. */
  readonly id?: WorkerId;
  /** Of the program, for people; default none that says anything. */
  readonly version?: string;
  /** Default the one that this process runs on. */
  readonly machine?: Machine;
  /** Where the worker says how it is, and what it holds; default nowhere. */
  readonly health?: Health;
  readonly metrics?: Metrics;
}

export interface Worker extends AsyncDisposable {
  readonly id: WorkerId;
  /** Starts a child of the server once and stops it; resolves with the first stray line on its stdout. Rejects with CausewayError `server.*`. */
  probe(server: string): Promise<string | undefined>;
  /** Starts these servers from now on, as they are defined here, under these limits; what runs ends as it began. Says which are others now. */
  serve(defined: Defined): Replaced;
  /** It is not ready, and edges place nothing here any more; what comes all the same is taken in. */
  unready(): void;
  /**
   * Takes no new sessions, waits until running calls are answered, at most `deadline` milliseconds, then ends every session.
   * `alone`: every edge goes as well, so that calls which wait for their clients wait for nobody.
   */
  drain(deadline: number, alone?: boolean): Promise<void>;
}

/** Starts a worker; when it resolves, edges place sessions on it. */
export async function openWorker(deps: WorkerDeps, options: WorkerOptions): Promise<Worker> {
  const { cluster, metrics = createMetrics() } = deps;
  const id = deps.id ?? newWorkerId();
  const log = deps.log.child({ scope: 'worker', owner: id });
  await using stack = new AsyncDisposableStack();
  const machine = deps.machine ?? stack.use(await openMachine({ worker: id, log }, options.worker));
  const { clock, wheel, start } = machine;
  const now = (): number => clock.monotonic();
  const held = (): number => cluster.ledger.workers().get(id)?.sessions ?? 0;
  const [capacity, marks, servers] = [new Capacity(), new Set<string>(), new Definitions(options)];
  // Whoever knows the key can put it back; while it is looked for nobody should place a session here.
  const key = await cluster.sessions.signingKey();
  const generation = await cluster.sessions.tend();
  const first: NewRecord = { ...firstRecord(id, options, servers), version: deps.version ?? '0', mark: generation.count };
  const standstill = new Standstill(clock, () => cluster.ledger.stamp(id));
  const tenure = stack.use(
    await openTenure(
      {
        ...{ ledger: cluster.ledger, wheel, log, now, standstill, sessions: capacity },
        grace: () => graceOf({ worker: options.worker, limits: servers.limits, servers: servers.all }),
      },
      first,
    ),
  );
  addFigures(metrics, { capacity, tenure, servers, options, held });
  stack.use(await machine.sweep((mark) => isHeld(capacity, marks, mark)));
  const reply = replyBy(cluster);
  const { bus } = cluster;
  const given = { cluster, id, options, servers, generation, capacity, tenure, standstill, machine, key, marks, reply, metrics, log };
  const { door, build, edges, room, spares, serve } = openServing(stack, given);
  const absences = stack.use(new Absences({ cluster, worker: id, wheel, now }));
  const takeover = takeoverBy(build, { cluster, worker: id, servers, capacity, absences, wheel, now });
  if (deps.health !== undefined) stack.use(addChecks(deps.health, { bus, tenure, capacity }));
  const link = stack.use(followBus(bus, tenure, { capacity, door }));
  stack.use(
    await openIntake({
      cluster,
      worker: id,
      capacity,
      edges,
      takeover,
      stateless: door,
      room,
      awake: () => tenure.awake(),
      waited: (stamp) => standstill.mayHaveWaited(stamp),
      log,
      reply,
      build: (head) => build({ ...head, epoch: 1, created: clock.now() }),
      link,
      control: createControl({ bus, capacity, log, draining: (draining) => tenure.update({ draining }) }),
    }),
  );
  stack.defer(() => leave({ bus, capacity, door, spares, tenure }, log));
  spares.fill();
  const owned = stack.move();
  return {
    id,
    probe: (name) => probeNamed(name, servers, startProbed(start, marks)),
    serve,
    unready: () => unready({ capacity, tenure }),
    drain: (deadline, alone = false) => drain({ deadline, alone }, { bus, capacity, door, spares, tenure, wheel }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function takeoverBy(
  build: Serving['build'],
  { wheel, ...deps }: Omit<TakeoverDeps, 'sleep' | 'build'> & { readonly wheel: Wheel },
): Takeover {
  return new Takeover({
    ...deps,
    sleep: (ms) => new Promise((resolve) => wheel.after(ms, resolve)),
    build: (session, stored) => build({ ...stored.record, session, epoch: stored.record.epoch + 1 }, stored),
  });
}

async function probeNamed(name: string, servers: Definitions, start: StartProbed): Promise<string | undefined> {
  const server = servers.get(name);
  if (!server) throw new CausewayError('server.unknown');
  return probe(server, (listeners) => start(server, listeners));
}

/** What the sessions and the lease are told of the bus. */
function followBus(
  bus: Cluster['bus'],
  tenure: Tenure,
  { capacity, door }: Pick<Draining, 'capacity' | 'door'>,
): Disposable & { losses: number } {
  const link = { losses: 0, [Symbol.dispose]: () => stop() };
  const stop = bus.onStatus((status, silent) => {
    tenure.connected(status === 'connected', silent);
    if (status !== 'connected') return void (link.losses += 1);
    for (const session of capacity.sessions) session.readers.resume();
    door.resume();
  });
  return link;
}

interface Draining {
  readonly bus: Cluster['bus'];
  readonly capacity: Capacity;
  readonly door: StatelessDoor;
  readonly spares: Spares;
  readonly tenure: Tenure;
  readonly wheel: Wheel;
}

function unready({ capacity, tenure }: Pick<Draining, 'capacity' | 'tenure'>): void {
  capacity.leaving = true;
  tenure.update({ draining: true });
}

async function drain(
  { deadline, alone }: { readonly deadline: number; readonly alone: boolean },
  { bus, capacity, door, spares, tenure, wheel }: Draining,
): Promise<void> {
  capacity.refuse();
  tenure.update({ draining: true });
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = wheel.after(deadline, resolve);
  const released = capacity.sessions.map((session) => session.release());
  const done = Promise.all([spares.close(), door.drain(alone), ...released]).then(() => bus.flushed());
  await Promise.race([promise, done]);
  cancel();
  await capacity.giveUp();
}

async function leave({ bus, capacity, door, spares, tenure }: Omit<Draining, 'wheel'>, log: Log): Promise<void> {
  capacity.refuse();
  await Promise.all([capacity.giveUp(), door.close(new CausewayError('session.ended')), spares.close()]);
  // Once it has left nobody waits for it, nor for what it has sent.
  await withDeadline(bus.flushed(), LAST_WORDS).catch(() => log.warn({ ms: LAST_WORDS }, 'not everything was sent'));
  // The door stays open until nobody knocks: what is already on its way here is told where to go.
  await tenure.leave();
}

/** Whether the session, or the child without one, that a mark names is still here. */
function isHeld(capacity: Capacity, marks: ReadonlySet<string>, mark: string): boolean {
  const session = mark.split('/')[1] ?? '';
  return marks.has(session) || capacity.find(session as SessionToken) !== undefined;
}

function firstRecord(
  worker: WorkerId,
  { worker: { capacity } }: WorkerOptions,
  { served, limits }: Definitions,
): Omit<NewRecord, 'version'> {
  return { v: 1, worker, host: hostname(), capacity, draining: false, servers: served, limits: totalsOf(limits) };
}
