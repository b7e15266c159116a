/** Owns the words between the benchmark and its load process: the jobs, their figures, the signals around a window. */
import type { Route } from './mcp.ts';

export type Job =
  /** Closed loop: every session calls again as soon as it has its answer. `perUrl`: so many sessions for each URL of the route. */
  | {
      readonly kind: 'calls';
      readonly sessions: number;
      readonly perUrl?: boolean;
      readonly input: object;
      readonly bytes: number;
      readonly warmMs: number;
      readonly runMs: number;
    }
  /** Small calls at a steady pace, first alone, then while another process of load takes large answers. */
  | {
      readonly kind: 'beside';
      readonly sessions: number;
      readonly everyMs: number;
      readonly input: object;
      readonly warmMs: number;
      readonly runMs: number;
      readonly other: Job;
    }
  /** Opens, calls once and closes, `sessions` at a time; `everyMs`: not before so much has passed since the last one. */
  | { readonly kind: 'opens'; readonly sessions: number; readonly everyMs?: number; readonly runMs: number }
  /** Opens `few` sessions, then the rest, calls once on each, and holds them; goes on when told to. */
  | { readonly kind: 'hold'; readonly few: number; readonly sessions: number }
  /** One call that is answered by many progress notifications. */
  | { readonly kind: 'burst'; readonly count: number }
  /** `cycles` of open, call and close, `dropped` clients that vanish, a stop; and all of it again. */
  | { readonly kind: 'churn'; readonly cycles: number; readonly dropped: number }
  /** Grows to each number of idle sessions in turn; after each a stop, and a window of calls on `active` of them. */
  | {
      readonly kind: 'fleet';
      readonly steps: readonly number[];
      readonly active: number;
      readonly input: object;
      readonly quietMs: number;
      readonly warmMs: number;
      readonly runMs: number;
    };

export type JobOf<Kind extends Job['kind']> = Extract<Job, { readonly kind: Kind }>;

export interface Figures {
  /** Finished calls, opens, held sessions or notifications. */
  readonly count: number;
  /** Of the measured window. */
  readonly ms: number;
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds of this process's own processor time in the window. */
  readonly clientCpu: number;
  /** The p99 of the same calls while nothing else ran. */
  readonly aloneP99?: number;
}

/** `lanes`: the compiled loop, if there is one. */
export type ToLoad = { readonly job: Job; readonly route: Route; readonly lanes: string | undefined } | { readonly release: true };
export type FromLoad =
  /** `held`: it waits to be released. */
  | { readonly phase: 'begin' | 'end' | 'held' }
  /** Of one step of several. */
  | { readonly step: Figures }
  | { readonly figures: Figures }
  | { readonly failed: string };
