/**
 * Owns what is measured of a target and how one measure is taken: a fresh load process for each, the target's
 * processor time read at both ends of the window. A measure that fails is kept as a failure; it never stops a run.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { EchoChild } from './child.ts';
import type { Figures, FromLoad, Job, ToLoad } from './load.ts';
import { bridgeCpu, memory } from './processes.ts';
import type { Route } from './sessions.ts';
import type { Ground, TargetKind } from './targets.ts';

export interface Measure {
  readonly name: string;
  readonly job: Job;
}

export interface Sample {
  readonly target: string;
  readonly measure: string;
  readonly round: number;
  readonly failed?: string;
  /** Per second: calls, opens, notifications. */
  readonly rate?: number;
  /** Milliseconds. */
  readonly p50?: number;
  readonly p99?: number;
  /** Milliseconds of the bridge's processor time for each call, open or notification. */
  readonly cpuEach?: number;
  /** Share of one core that the load process used: near 1 means that it was the limit. */
  readonly clientShare?: number;
  /** Bytes: all processes of the idle bridge; added by each held session. */
  readonly base?: number;
  readonly perSession?: number;
}

export const DIRECT = 'direct stdio';

/** Text such that request and answer carry about 300 bytes of payload each. */
const SMALL = { text: 'm'.repeat(300) };
const LARGE_BYTES = 1_000_000;
const SETTLE_MS = 3_000;
const OPEN_AND_CLOSE_MS = 60_000;

export function plan(quick: boolean, runMs: number): readonly Measure[] {
  const warmMs = Math.min(1000, runMs / 2);
  const calls = (sessions: number): Measure => ({
    name: `300 B, ${sessions} session${sessions === 1 ? '' : 's'}`,
    job: { kind: 'calls', sessions, input: SMALL, bytes: 300, warmMs, runMs },
  });
  return [
    ...(quick ? [1, 32] : [1, 8, 32, 128]).map(calls),
    { name: '1 MB, 8 sessions', job: { kind: 'calls', sessions: 8, input: { size: LARGE_BYTES }, bytes: LARGE_BYTES, warmMs, runMs } },
    { name: 'open, call, close', job: { kind: 'opens', sessions: quick ? 4 : 8, runMs } },
    { name: 'progress burst', job: { kind: 'burst', count: 10_000 } },
    { name: 'idle memory', job: { kind: 'hold', few: 20, sessions: quick ? 60 : 120 } },
  ];
}

/** The child without any bridge, for the added latency. */
export async function measureDirect(echo: EchoChild, measures: readonly Measure[], round: number): Promise<readonly Sample[]> {
  const single = measures.filter(({ job }) => job.kind === 'calls' && job.sessions === 1);
  const route: Route = { kind: 'stdio', command: echo.command };
  return Promise.all(single.map((item) => take(DIRECT, route, [], item, round)));
}

export async function measure(target: TargetKind, ground: Ground, measures: readonly Measure[], round: number): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  // Memory first, on a process that has done nothing else yet.
  const ordered = measures.toSorted((a, b) => Number(b.job.kind === 'hold') - Number(a.job.kind === 'hold'));
  for (const item of ordered) {
    try {
      await using running = await target.start(ground);
      samples.push(await take(target.name, running.route, running.roots, item, round));
    } catch (error) {
      samples.push({ target: target.name, measure: item.name, round, failed: String(error) });
    }
  }
  return samples;
}

async function take(target: string, route: Route, roots: readonly number[], { name, job }: Measure, round: number): Promise<Sample> {
  const common = { target, measure: name, round };
  try {
    return { ...common, ...(await load(route, roots, job)) };
  } catch (error) {
    return { ...common, failed: String(error) };
  }
}

type Taken = Omit<Sample, 'target' | 'measure' | 'round'>;

async function load(route: Route, roots: readonly number[], job: Job): Promise<Taken> {
  const base = job.kind === 'hold' ? await settled(roots) : 0;
  const child = fork(join(import.meta.dirname, 'load.ts'), { stdio: 'inherit' });
  const limit = AbortSignal.timeout(OPEN_AND_CLOSE_MS + ('runMs' in job ? job.runMs : 0));
  const send = (message: ToLoad): void => void child.send(message);
  let cpu = 0;
  const held: number[] = [];
  try {
    send({ job, route });
    for (;;) {
      const [message] = (await once(child, 'message', { signal: limit })) as [FromLoad];
      if ('failed' in message) throw new Error(message.failed);
      if ('figures' in message) return taken(job, message.figures, cpu, base, held);
      if (message.phase === 'begin') cpu = -bridgeCpu(roots);
      if (message.phase === 'end') cpu += bridgeCpu(roots);
      if (message.phase === 'held' && job.kind === 'hold') {
        held.push(await settled(roots));
        send({ release: true });
      }
    }
  } finally {
    if (child.exitCode === null && child.connected) child.kill();
  }
}

/** Memory after a pause: allocations of the opening itself are not the subject. */
async function settled(roots: readonly number[]): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return memory(roots).bridge;
}

function taken(job: Job, figures: Figures, cpu: number, base: number, held: readonly number[]): Taken {
  // The slope between few and many: what the first sessions cost once is in neither.
  if (job.kind === 'hold') return { base, perSession: (held[1]! - held[0]!) / (job.sessions - job.few) };
  return {
    rate: (figures.count / figures.ms) * 1000,
    p50: figures.p50,
    p99: figures.p99,
    cpuEach: cpu / figures.count,
    clientShare: figures.clientCpu / figures.ms,
  };
}
