/**
 * Owns the load: runs as a process of its own, takes one job from its parent and answers with figures. The
 * parent hears `begin` and `end` around the measured window, so that it can read the target's processor time.
 */
import { openSession, type BenchSession, type Route } from './sessions.ts';

export type Job =
  /** Closed loop: every session calls again as soon as it has its answer. */
  | {
      readonly kind: 'calls';
      readonly sessions: number;
      readonly input: object;
      readonly bytes: number;
      readonly warmMs: number;
      readonly runMs: number;
    }
  /** Opens, calls once and closes, `sessions` at a time. */
  | { readonly kind: 'opens'; readonly sessions: number; readonly runMs: number }
  /** Opens `few` sessions, then the rest, calls once on each, and holds them; goes on when told to. */
  | { readonly kind: 'hold'; readonly few: number; readonly sessions: number }
  /** One call that is answered by many progress notifications. */
  | { readonly kind: 'burst'; readonly count: number };

export interface Figures {
  /** Finished calls, opens, held sessions or notifications. */
  readonly count: number;
  /** Of the measured window. */
  readonly ms: number;
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds of this process's own processor time in the window. */
  readonly clientCpu: number;
}

export type ToLoad = { readonly job: Job; readonly route: Route } | { readonly release: true };
export type FromLoad = { readonly phase: 'begin' | 'end' | 'held' } | { readonly figures: Figures } | { readonly failed: string };

const tell = (message: FromLoad): void => void process.send!(message);
const cpuNow = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

function figuresOf(latencies: number[], ms: number, clientCpu: number): Figures {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
  return { count: latencies.length, ms, p50: at(0.5), p99: at(0.99), clientCpu };
}

/** Runs `step` in `width` loops until the time is over; durations of the steps that ended inside the window. */
async function loop(width: number, warmMs: number, runMs: number, step: (lane: number) => Promise<number>): Promise<Figures> {
  const latencies: number[] = [];
  const start = performance.now() + warmMs;
  const end = start + runMs;
  let begun = false;
  let over = false;
  let cpu = 0;
  const lane = async (index: number): Promise<void> => {
    for (;;) {
      if (!begun && performance.now() >= start) {
        begun = true;
        cpu = cpuNow();
        tell({ phase: 'begin' });
      }
      const took = await step(index);
      const now = performance.now();
      if (now > end) {
        // The first lane that is over closes the window: calls cut at its end balance those cut at its beginning.
        if (!over) tell({ phase: 'end' });
        if (!over) cpu = cpuNow() - cpu;
        over = true;
        return;
      }
      if (begun && now - took >= start) latencies.push(took);
    }
  };
  await Promise.all(Array.from({ length: width }, (_, index) => lane(index)));
  return figuresOf(latencies, runMs, cpu);
}

async function openMany(route: Route, count: number): Promise<readonly BenchSession[]> {
  const sessions: BenchSession[] = [];
  let pending = 0;
  // Eight at a time: the measure is of running sessions, not of the rush to open them.
  const opener = async (): Promise<void> => {
    while (sessions.length + pending < count) {
      pending += 1;
      const session = await openSession(route);
      pending -= 1;
      sessions.push(session);
    }
  };
  await Promise.all(Array.from({ length: Math.min(8, count) }, opener));
  return sessions;
}

async function calls(route: Route, job: Extract<Job, { kind: 'calls' }>): Promise<Figures> {
  const sessions = await openMany(route, job.sessions);
  const figures = await loop(job.sessions, job.warmMs, job.runMs, async (lane) => {
    const from = performance.now();
    const body = await sessions[lane]!.call('echo', job.input);
    if (body.length < job.bytes) throw new Error(`an answer of ${body.length} bytes instead of ${job.bytes}`);
    return performance.now() - from;
  });
  await Promise.all(sessions.map((session) => session.close()));
  return figures;
}

async function opens(route: Route, job: Extract<Job, { kind: 'opens' }>): Promise<Figures> {
  return loop(job.sessions, 0, job.runMs, async () => {
    const from = performance.now();
    const session = await openSession(route);
    await session.call('echo', { text: 'first' });
    const took = performance.now() - from;
    await session.close();
    return took;
  });
}

async function hold(route: Route, job: Extract<Job, { kind: 'hold' }>): Promise<Figures> {
  const sessions: BenchSession[] = [];
  for (const count of [job.few, job.sessions - job.few]) {
    const added = await openMany(route, count);
    for (const session of added) await session.call('echo', { text: 'held' });
    sessions.push(...added);
    const released = new Promise((resolve) => process.once('message', resolve));
    tell({ phase: 'held' });
    await released;
  }
  await Promise.all(sessions.map((session) => session.close()));
  return { count: sessions.length, ms: 0, p50: 0, p99: 0, clientCpu: 0 };
}

async function burst(route: Route, job: Extract<Job, { kind: 'burst' }>): Promise<Figures> {
  const session = await openSession(route);
  await session.call('burst', { count: 100 });
  tell({ phase: 'begin' });
  const from = performance.now();
  const cpu = cpuNow();
  const body = await session.call('burst', { count: job.count });
  const ms = performance.now() - from;
  const clientCpu = cpuNow() - cpu;
  tell({ phase: 'end' });
  await session.close();
  const seen = [...body.toString('latin1').matchAll(/"progress":(\d+)/g)].map((match) => Number(match[1]));
  if (seen.length !== job.count || seen.some((value, index) => value !== index + 1)) {
    throw new Error(`${seen.length} of ${job.count} notifications arrived, or out of order`);
  }
  return { count: job.count, ms, p50: ms, p99: ms, clientCpu };
}

function run(route: Route, job: Job): Promise<Figures> {
  switch (job.kind) {
    case 'calls':
      return calls(route, job);
    case 'opens':
      return opens(route, job);
    case 'hold':
      return hold(route, job);
    case 'burst':
      return burst(route, job);
  }
}

process.once('disconnect', () => process.exit());
process.once('message', (message: ToLoad) => {
  if ('release' in message) return;
  run(message.route, message.job)
    .then((figures) => tell({ figures }))
    .catch((error: unknown) => tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
    .finally(() => process.disconnect());
});
