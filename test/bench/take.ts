/**
 * Owns how one measure of a target is taken: a fresh target and a fresh load process for each, the target's processor
 * time read at both ends of the window. A measure that fails is kept as a failure; it never stops a run.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { on } from 'node:events';
import { join } from 'node:path';
import { SCRIPTED } from './child.ts';
import type { Figures, FromLoad, Job, ToLoad } from './job.ts';
import { DIRECT, idleName, type Measure, type Sample } from './measures.ts';
import { bridgePids, cpuOf, spent } from './processes.ts';
import { inventory, settled, writesPerSecond, type Inventory } from './readings.ts';
import type { Ground, Target, TargetKind } from './targets.ts';

/** What a measure may take besides its windows: most of it is opening and closing. */
const ALLOWED_MS: Readonly<Partial<Record<Job['kind'], number>>> = { churn: 180_000, fleet: 900_000 };
const ALLOWED_OTHERS_MS = 60_000;

type Taken = Omit<Sample, 'target' | 'measure' | 'round'>;

/** The child without any bridge, for the added latency. */
export async function measureDirect({ echo, lanes }: Ground, measures: readonly Measure[], round: number): Promise<readonly Sample[]> {
  const single = measures.filter(({ job }) => job.kind === 'calls' && job.sessions === 1);
  const target: Target = { route: { kind: 'stdio', command: echo.command }, roots: [], async [Symbol.asyncDispose]() {} };
  return (await Promise.all(single.map((item) => take(DIRECT, target, item, { round, lanes })))).flat();
}

export async function measure(kind: TargetKind, ground: Ground, measures: readonly Measure[], round: number): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (const item of measures) {
    if (!kind.serves.has(item.needs) || (item.once && round > 0)) continue;
    try {
      await using running = await kind.start(item.scripted ? { ...ground, echo: SCRIPTED } : ground);
      samples.push(...(await take(kind.name, running, item, { round, lanes: ground.lanes })));
    } catch (error) {
      samples.push({ target: kind.name, measure: item.name, round, failed: String(error) });
    }
  }
  return samples;
}

async function take(
  target: string,
  running: Target,
  item: Measure,
  { round, lanes }: { readonly round: number; readonly lanes: string | undefined },
): Promise<readonly Sample[]> {
  const route = item.needs === 'stateless' ? running.stateless : running.route;
  const common = { target, measure: item.name, round };
  const samples: Sample[] = [];
  try {
    if (route === undefined) throw new Error('it has no route without a session');
    // What the bridge holds by itself is read before there is any load.
    const pauses = await openPauses(running, item.job, (taken, measure = item.name) => samples.push({ ...common, measure, ...taken }));
    const child = fork(join(import.meta.dirname, 'load.ts'), { stdio: 'inherit' });
    try {
      const order: ToLoad = { job: item.job, route, lanes };
      child.send(order);
      await observe(child, running.roots, item.job, pauses);
    } finally {
      if (child.exitCode === null && child.connected) child.kill();
    }
  } catch (error) {
    samples.push({ ...common, failed: String(error instanceof Error ? (error.cause ?? error) : error) });
  }
  return samples;
}

/** Listens to the load until it has its figures. */
async function observe(child: ChildProcess, roots: readonly number[], job: Job, pauses: Pauses): Promise<void> {
  const ended = new AbortController();
  child.once('exit', (code) => ended.abort(new Error(`the load process ended with ${String(code)}`)));
  const allowed = (ALLOWED_MS[job.kind] ?? ALLOWED_OTHERS_MS) + ('runMs' in job ? 3 * job.runMs : 0);
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(allowed)]);
  let pids: readonly number[] = [];
  let before: ReadonlyMap<number, number> = new Map();
  let cpu = 0;
  for await (const [message] of on(child, 'message', { signal }) as AsyncIterable<[FromLoad]>) {
    if ('failed' in message) throw new Error(message.failed);
    if ('figures' in message) return pauses.last(message.figures, cpu);
    if ('step' in message) pauses.step(message.step, cpu);
    else if (message.phase === 'held') {
      await pauses.held();
      pids = bridgePids(roots);
      const order: ToLoad = { release: true };
      child.send(order);
    } else {
      // Looking for them among ten thousand children would eat into the window.
      const now = cpuOf(job.kind === 'fleet' ? pids : bridgePids(roots));
      if (message.phase === 'begin') before = now;
      else cpu = spent(before, now);
    }
  }
}

interface Pauses {
  /** The load stands still and waits. */
  held(): Promise<void>;
  /** The window after a pause, with the processor time in it. */
  step(figures: Figures, cpu: number): void;
  last(figures: Figures, cpu: number): void;
}

const inWindow = ({ count, ms, p50, p99, clientCpu, aloneP99 }: Figures, cpu: number): Taken => ({
  rate: (count / ms) * 1000,
  p50,
  p99,
  cpuEach: cpu / count,
  clientShare: clientCpu / ms,
  ...(aloneP99 === undefined ? {} : { aloneP99 }),
});

/** What is read while the load stands still, by the kind of the job, and what becomes of it. */
async function openPauses(running: Target, job: Job, add: (taken: Taken, measure?: string) => void): Promise<Pauses> {
  const { roots } = running;
  if (job.kind === 'hold') {
    const seen = [await settled(roots)];
    return {
      held: async () => void seen.push(await settled(roots)),
      step() {},
      // The slope between few and many: what the first sessions cost once is in neither.
      last: () => add({ base: seen[0]!, perSession: (seen[2]! - seen[1]!) / (job.sessions - job.few) }),
    };
  }
  if (job.kind === 'churn') {
    const seen: Inventory[] = [];
    return {
      held: async () => void seen.push(await inventory(running)),
      step() {},
      last: () => add(left(seen[0]!, seen[1]!)),
    };
  }
  if (job.kind === 'fleet') {
    const base = await settled(roots);
    let at = -1;
    let quiet: Taken = {};
    return {
      async held() {
        at += 1;
        quiet = {
          base,
          perSession: ((await settled(roots)) - base) / job.steps[at]!,
          writesPerSecond: await writesPerSecond(running, job.quietMs),
        };
      },
      step: (figures, cpu) => add({ ...inWindow(figures, cpu), ...quiet }, idleName(job.steps[at]!)),
      last() {},
    };
  }
  return { async held() {}, step() {}, last: (figures, cpu) => add(inWindow(figures, cpu)) };
}

function left(before: Inventory, now: Inventory): Taken {
  return {
    childrenLeft: now.children - before.children,
    fdsLeft: now.files - before.files,
    heapBefore: before.heap,
    heapAfter: now.heap,
    heldBefore: before.held,
    heldAfter: now.held,
  };
}
