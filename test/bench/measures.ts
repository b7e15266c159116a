/** Owns what is measured: each measure is declared once, with the job of its load and what a target has to serve for it. */
import type { Job } from './job.ts';
import type { Feature } from './targets.ts';

export interface Measure {
  readonly name: string;
  readonly job: Job;
  readonly needs: Feature;
  /** In front of the script in place of the compiled child: what servers are most often written in. */
  readonly scripted?: boolean;
  /** Takes minutes: in the first round only. */
  readonly once?: boolean;
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
  /** The p99 of the same calls while nothing else ran. */
  readonly aloneP99?: number;
  /** Milliseconds of the bridge's processor time for each call, open or notification. */
  readonly cpuEach?: number;
  /** Share of one core that the load process used: near 1 means that it was the limit. */
  readonly clientShare?: number;
  /** Bytes: all processes of the idle bridge; added by each held session. */
  readonly base?: number;
  readonly perSession?: number;
  /** More than before, once everything has ended. */
  readonly childrenLeft?: number;
  readonly fdsLeft?: number;
  /** Bytes after a collection: the heaps of its Nodes before and after; and what its processes hold in memory. */
  readonly heapBefore?: number;
  readonly heapAfter?: number;
  readonly heldBefore?: number;
  readonly heldAfter?: number;
  /** Writes of records in JetStream while nothing happens. */
  readonly writesPerSecond?: number;
}

/** What of a sample is a figure. */
export type Field = Exclude<keyof Sample, 'target' | 'measure' | 'round' | 'failed'>;

export const DIRECT = 'direct stdio';

/** Text such that request and answer carry about 300 bytes of payload each. */
const SMALL = { text: 'm'.repeat(300) };
const LARGE_BYTES = 1_000_000;

/** Names that the goals refer to. */
export const NAMES = {
  one: '300 B, 1 session',
  busy: '300 B, 32 sessions',
  crowded: '300 B, 128 sessions',
  large: '1 MB, 8 sessions',
  beside: '300 B beside 1 MB',
  opens: 'open, call, close',
  first: 'first result',
  firstScripted: 'first result, Node child',
  burst: 'progress burst',
  stateless: 'stateless, 32 clients',
  memory: 'idle memory',
  scale: 'scale, 32 sessions an edge',
  churn: 'churn',
  fleet: 'fleet',
} as const;

/** The sample of one step of the fleet. */
export const idleName = (sessions: number): string => `fleet of ${sessions} idle sessions`;
export const FLEET = [100, 1000, 10_000] as const;

export function plan(quick: boolean, runMs: number): readonly Measure[] {
  const warmMs = Math.min(1000, runMs / 2);
  const small = (name: string, sessions: number, needs: Feature = 'calls'): Measure => ({
    name,
    needs,
    job: { kind: 'calls', sessions, input: SMALL, bytes: 300, warmMs, runMs },
  });
  // The more processes share the machine, the longer each of them takes until its code is warm.
  const longMs = 8 * warmMs;
  const large: Job = { kind: 'calls', sessions: 8, input: { size: LARGE_BYTES }, bytes: LARGE_BYTES, warmMs, runMs };
  // So far apart that a process that is kept started is there again for the next.
  const first: Job = { kind: 'opens', sessions: 1, everyMs: 400, runMs: 3 * runMs };
  const all: readonly Measure[] = [
    small(NAMES.one, 1),
    small('300 B, 8 sessions', 8),
    small(NAMES.busy, 32),
    small(NAMES.crowded, 128),
    { name: NAMES.large, needs: 'large', job: large },
    {
      name: NAMES.beside,
      needs: 'large',
      job: { kind: 'beside', sessions: 4, everyMs: 10, input: SMALL, warmMs: 2 * warmMs, runMs, other: large },
    },
    { name: NAMES.opens, needs: 'opens', job: { kind: 'opens', sessions: 8, runMs } },
    { name: NAMES.first, needs: 'opens', job: first },
    { name: NAMES.firstScripted, needs: 'opens', job: first, scripted: true },
    { name: NAMES.burst, needs: 'large', job: { kind: 'burst', count: 10_000 } },
    small(NAMES.stateless, 32, 'stateless'),
    { name: NAMES.memory, needs: 'memory', job: { kind: 'hold', few: 20, sessions: quick ? 60 : 120 } },
    {
      name: NAMES.scale,
      needs: 'scale',
      job: { kind: 'calls', sessions: 32, perUrl: true, input: SMALL, bytes: 300, warmMs: longMs, runMs },
    },
    { name: NAMES.churn, needs: 'churn', job: { kind: 'churn', cycles: 500, dropped: 100 }, once: true },
    {
      name: NAMES.fleet,
      needs: 'fleet',
      job: { kind: 'fleet', steps: FLEET, active: 32, input: SMALL, quietMs: 10 * runMs, warmMs: longMs, runMs },
      once: true,
    },
  ];
  const short: readonly string[] = [NAMES.one, NAMES.busy, NAMES.large, NAMES.opens, NAMES.burst, NAMES.stateless, NAMES.memory];
  return quick ? all.filter(({ name }) => short.includes(name)) : all;
}
