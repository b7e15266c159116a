/**
 * Owns one fault under load, from a whole world to a whole world: the load is well, the fault strikes, the test says
 * what must be seen meanwhile, everything is healed, the load comes to rest, and the invariants are judged.
 */
import type { TestContext } from 'node:test';
import type { Entry, Ledger } from '../harness/ledger.ts';
import { pick, type Random } from '../harness/random.ts';
import { until } from '../harness/within.ts';
import type { Census } from './census.ts';
import type { World } from './cluster.ts';
import { figures, print, type Figures } from './figures.ts';
import { allTold, keptPromises, oneOutcome, onceEach, orderly, ownOnly } from './invariants/calls.ts';
import { AFTER_SESSION, cleanStarts, oneChild, onlyOwners, orphans } from './invariants/children.ts';
import { accounted, oneSubscriber, withinLimits, type Limits } from './invariants/counts.ts';
import { describeViolations, violation, type Violation } from './invariants/violation.ts';
import type { Eye } from './kv.ts';
import type { Load } from './load.ts';
import type { CallRecord, SessionRecord } from './records.ts';
import type { Unit } from './unit.ts';

export interface Stage {
  readonly world: World;
  readonly load: Load;
  readonly ledger: Ledger;
  readonly census: Census;
  readonly eye: Eye;
  readonly random: Random;
  readonly seed: number;
  readonly limits: Limits;
  /** Milliseconds that a call of the load may take. */
  readonly deadline: number;
  /** What was said about earlier faults is not said again. */
  readonly reported: Set<string>;
}

/** Milliseconds until the load must be whole again when everything is healed. */
const WHOLE = 90_000;
/** Milliseconds until counts and truth are the same again; after the loss of a worker its lease has to end first. */
const CONVERGED = 35_000;

export class Run {
  readonly stage: Stage;
  readonly #began = Date.now();
  #struck = Date.now();
  #seen = 0;
  #recovered: number | undefined;

  constructor(stage: Stage) {
    this.stage = stage;
  }

  /** When the fault struck. */
  get struck(): number {
    return this.#struck;
  }

  get began(): number {
    return this.#began;
  }

  get recoveredMs(): number | undefined {
    return this.#recovered;
  }

  /** Now. */
  strike(): number {
    return (this.#struck = Date.now());
  }

  /** NATS has seen by now that the process is gone: what was sent to it before may have been lost on its way. */
  async missed({ id }: Unit): Promise<void> {
    const { nats } = this.stage.world;
    const gone = async () => (await nats.connections()).every(({ name }) => !name.includes(id)) || undefined;
    await until(10_000, `the end of the connections of ${id}`, gone);
    this.#seen = Date.now();
  }

  /** The fault goes on for that long, under load. */
  async lasts(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Outcomes of tools since the run began. */
  calls(): readonly CallRecord[] {
    return this.stage.load.evidence.calls.items.filter(({ ended, tool }) => ended >= this.#began && tool !== 'initialize');
  }

  failed(among: Among = everybody): readonly CallRecord[] {
    return this.calls().filter(({ outcome, client }) => outcome !== 'ok' && among(client));
  }

  /** Calls that were on their way when the fault struck, or began before anybody could know. */
  inFlight(among: Among = everybody): readonly CallRecord[] {
    const aware = Math.max(this.#struck + UNAWARE, this.#seen);
    return this.calls().filter(({ began, ended, client }) => began <= aware && ended >= this.#struck && among(client));
  }

  /** Makes the next call of those clients a long one; resolves when a child works on each. */
  async occupy(ms: number, among: Among): Promise<void> {
    const { load, ledger } = this.stage;
    for (const nonce of await load.occupy(ms, among)) await ledger.next(`the call ${nonce}`, (entry) => entry.nonce === nonce);
  }

  /** Waits until all clients, or those of `among`, were served since the fault struck; within `ms` of it. */
  async recovered(ms: number, among?: Among): Promise<number> {
    const took = await this.stage.load.served(this.#struck, Math.max(1, this.#struck + ms - Date.now()), among);
    return (this.#recovered = took);
  }

  /** The longest that a client had to wait for what was its first success since then, beyond what the tool itself takes. */
  longestWait(among: Among = everybody): number {
    const first = new Map<string, CallRecord>();
    for (const call of this.calls()) {
      if (call.outcome === 'ok' && call.began >= this.#struck && among(call.client) && !first.has(call.client))
        first.set(call.client, call);
    }
    return Math.max(0, ...[...first.values()].map(({ began, ended, own }) => ended - began - own));
  }

  /** Sessions that ended since the fault struck although their clients did not end them. */
  lostSessions(): readonly string[] {
    const { sessions } = this.stage.load.evidence;
    return sessions
      .filter(({ ended = 0, end }) => ended >= this.#struck && end !== 'deleted')
      .map(({ session, transport, end }) => `${session} (${transport}) ${end}`);
  }

  /** A worker with sessions of every kind, by chance. */
  async someWorker(): Promise<Unit> {
    const { world, random, load, census } = this.stage;
    const { live } = await census.next();
    const held = load.sessions().filter(({ transport }) => transport === 'streamable');
    const serves = (id: string) =>
      new Set(
        held.filter((one) => live.some(({ worker, session }) => worker === id && one.id.includes(session))).map(({ server }) => server),
      );
    const able = world.workers.filter(({ id }) => serves(id).size === 2);
    if (able.length > 0) return pick(random, able);
    await load.reopen(() => random(3) === 0);
    return this.someWorker();
  }

  /** Sessions whose child lived at that worker when the fault struck. */
  sessionsOf(worker: string): readonly SessionRecord[] {
    const { census, load } = this.stage;
    const here = census.children.filter((child) => child.worker === worker && (child.gone ?? Infinity) >= this.#struck);
    const held = load.evidence.sessions.filter(({ opened, ended = Infinity }) => opened <= this.#struck && ended >= this.#struck);
    return held.filter(({ id }) => here.some(({ session }) => id.includes(session)));
  }
}

/** Milliseconds that a signal takes to arrive, and a broken connection to be seen. */
const UNAWARE = 250;

/** Picks clients by name. */
export type Among = (client: string) => boolean;
const everybody: Among = () => true;

/** Runs `body` as the fault of this test. Rejects with what the body found and with every invariant that did not hold. */
export async function underFault(t: TestContext, stage: Stage, body: (run: Run) => Promise<void>): Promise<void> {
  const { world, load } = stage;
  await world.heal();
  load.resume();
  await load.served(Date.now(), WHOLE);
  const run = new Run(stage);
  const faults: Error[] = [];
  const attempt = async (work: () => Promise<unknown>) => {
    await work().catch((error: unknown) => faults.push(error as Error));
  };
  await attempt(() => body(run));
  await attempt(() => world.heal());
  await attempt(() => load.served(Date.now(), WHOLE));
  await attempt(() => load.pause());
  const violations = await judge(run);
  print(t, figuresOf(run, violations, t.name));
  if (violations.length > 0) faults.push(new Error(`invariants were broken:\n${describeViolations(violations)}`));
  if (faults.length === 1) throw faults[0]!;
  if (faults.length > 1) throw new Error(faults.map(({ message }) => message).join('\n'));
}

function figuresOf(run: Run, violations: readonly Violation[], title: string): Figures {
  const { stage, recoveredMs } = run;
  return figures({ title, seed: stage.seed, sessions: stage.load.sessions().length, calls: run.calls(), violations, recoveredMs });
}

async function judge(run: Run): Promise<readonly Violation[]> {
  const { stage } = run;
  const { world, load, ledger, census, limits } = stage;
  const { evidence } = load;
  const entries = await ledger.entries();
  const scans = census.scans.filter(({ at }) => at >= run.began);
  const calls = evidence.calls.items.filter(({ ended }) => ended >= run.began);
  const units = [...world.workers, ...world.edges];
  const all = [
    ...(await settled(stage)),
    ...oneChild(scans, world.journal),
    ...withinLimits(limits, evidence.sessions, scans),
    ...orphans(scans, world.journal, endsOf(entries, load)),
    ...cleanStarts(scans, world.journal),
    ...oneOutcome(calls, entries),
    ...onceEach(entries, calls, stage.deadline),
    ...onlyOwners(entries, census.children),
    ...keptPromises(entries, calls),
    ...ownOnly(evidence.strays, calls),
    ...orderly(evidence.heard),
    ...allTold(evidence),
    ...oneSubscriber(
      await world.nats.connections(),
      units.map(({ id }) => id),
    ),
    ...units
      .filter(({ crashed }) => crashed)
      .map(({ name, process }) => violation('I4', `${name} ended by itself`, process.stderr().slice(-1_000))),
  ];
  return all.filter((one) => {
    const { session } = one.evidence as { readonly session?: string };
    const key = `${one.invariant} ${one.what} ${session ?? JSON.stringify(one.evidence)}`;
    if (stage.reported.has(key)) return false;
    stage.reported.add(key);
    return true;
  });
}

/** I3 and I5: looks again with each scan until counts and truth are the same; what is still wrong at the end. */
async function settled({ eye, census, load }: Stage): Promise<readonly Violation[]> {
  for (const until = Date.now() + CONVERGED; ;) {
    const wrong = accounted(await eye.dump(), await census.next(), load.sessions());
    if (wrong.length === 0 || Date.now() > until) return wrong;
  }
}

/** Milliseconds within which the loss of an edge is noticed, on which an HTTP+SSE session ends. */
const NOTICED = 10_000 - AFTER_SESSION;

/** When the sessions of children ended, by the children's process ids: who served which session is in their ledger. */
function endsOf(entries: readonly Entry[], load: Load): ReadonlyMap<number, number> {
  const ended = load.evidence.sessions.filter((session) => session.ended !== undefined);
  const ends = new Map(ended.map(({ session, ended, end }) => [session, end === 'dropped' ? ended! + NOTICED : ended!]));
  const found = new Map<number, number>();
  for (const { pid, nonce } of entries) {
    const end = ends.get(nonce?.split('.')[0] ?? '');
    if (end !== undefined) found.set(pid, end);
  }
  return found;
}
