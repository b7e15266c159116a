/** Owns the loops of a load process: lanes in a measured window, opening in numbers, and what is told to the parent on the way. */
import { setTimeout as after } from 'node:timers/promises';
import type { Figures, FromLoad } from './job.ts';
import type { BenchSession, Route } from './mcp.ts';
import { openSession } from './sessions.ts';

export const tell = (message: FromLoad): void => void process.send!(message);

export const cpuNow = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

export function figuresOf(latencies: number[], ms: number, clientCpu: number): Figures {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
  return { count: latencies.length, ms, p50: at(0.5), p99: at(0.99), clientCpu };
}

export interface Window {
  readonly width: number;
  readonly warmMs: number;
  readonly runMs: number;
  /** Least time between two steps of a lane. */
  readonly everyMs?: number;
}

/** Runs `step` in `width` lanes until the time is over; durations of the steps that ended inside the window. */
export async function loop(
  { width, warmMs, runMs, everyMs }: Window,
  step: (lane: number) => Promise<number>,
  told: (message: FromLoad) => void = tell,
): Promise<Figures> {
  const latencies: number[] = [];
  const start = performance.now() + warmMs;
  const end = start + runMs;
  let begun = false;
  let over = false;
  let cpu = 0;
  const lane = async (index: number): Promise<void> => {
    // Lanes with a pace do not march in step.
    if (everyMs !== undefined) await after((everyMs * index) / width);
    for (;;) {
      const from = performance.now();
      if (!begun && from >= start) {
        begun = true;
        cpu = cpuNow();
        told({ phase: 'begin' });
      }
      const took = await step(index);
      const now = performance.now();
      if (now > end) {
        // The first lane that is over closes the window: calls cut at its end balance those cut at its beginning.
        if (!over) told({ phase: 'end' });
        if (!over) cpu = cpuNow() - cpu;
        over = true;
        return;
      }
      if (begun && now - took >= start) latencies.push(took);
      if (everyMs !== undefined) await after(Math.max(0, from + everyMs - performance.now()));
    }
  };
  await Promise.all(Array.from({ length: width }, (_, index) => lane(index)));
  return figuresOf(latencies, runMs, cpu);
}

export interface Opening {
  /** So many at a time; eight unless it is said: most measures are of running sessions, not of the rush to open them. */
  readonly width?: number;
  /** Is done with every session as it is open. */
  readonly each?: (session: BenchSession) => Promise<void>;
}

export async function openMany(route: Route, count: number, { width = 8, each }: Opening = {}): Promise<readonly BenchSession[]> {
  const sessions: BenchSession[] = [];
  let pending = 0;
  const opener = async (): Promise<void> => {
    while (sessions.length + pending < count) {
      pending += 1;
      const session = await openSession(route);
      await each?.(session);
      pending -= 1;
      sessions.push(session);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, opener));
  return sessions;
}

export const closeAll = (sessions: readonly BenchSession[]): Promise<unknown> => Promise.all(sessions.map((session) => session.close()));

/** Tells the parent that everything stands still, and waits for its word. */
export async function stop(): Promise<void> {
  const released = new Promise((resolve) => process.once('message', resolve));
  tell({ phase: 'held' });
  await released;
}
