/** Owns the jobs that are about sessions as such: opened and closed, held, left behind, held in great numbers. */
import { setTimeout as after } from 'node:timers/promises';
import { timed } from './calling.ts';
import type { Figures, JobOf } from './job.ts';
import { closeAll, loop, openMany, stop, tell } from './loop.ts';
import type { BenchSession, Route } from './mcp.ts';
import { openSession } from './sessions.ts';

/** Until the code of a fresh process is warm. */
const UNCOUNTED = 30;
const READY_MS = 2000;

const NOTHING: Figures = { count: 0, ms: 0, p50: 0, p99: 0, clientCpu: 0 };

/** With a pace, after some that are not counted, and a moment in which what is started ahead can stand ready again. */
export async function opens(route: Route, { sessions: width, runMs, everyMs }: JobOf<'opens'>): Promise<Figures> {
  const cycle = async (): Promise<number> => {
    const from = performance.now();
    const session = await openSession(route);
    await session.call('echo', { text: 'first' });
    const took = performance.now() - from;
    await session.close();
    return took;
  };
  if (everyMs === undefined) return loop({ width, warmMs: 0, runMs }, cycle);
  for (let count = 0; count < UNCOUNTED; count += 1) await cycle();
  await after(READY_MS);
  return loop({ width, warmMs: 0, runMs, everyMs }, cycle);
}

export async function hold(route: Route, job: JobOf<'hold'>): Promise<Figures> {
  const sessions: BenchSession[] = [];
  for (const count of [job.few, job.sessions - job.few]) {
    const added = await openMany(route, count);
    for (const session of added) await session.call('echo', { text: 'held' });
    sessions.push(...added);
    await stop();
  }
  await closeAll(sessions);
  return { ...NOTHING, count: sessions.length };
}

/**
 * All of it twice, for what is bounded, and what a fresh process learns, fills the first time. Half of the clients that vanish
 * speak HTTP+SSE, half have a session and its stream.
 */
export async function churn(route: Route, { cycles, dropped }: JobOf<'churn'>): Promise<Figures> {
  if (!('urls' in route)) throw new Error('sessions over HTTP are needed');
  const cycle = async (session: BenchSession): Promise<void> => {
    await session.call('echo', { text: 'cycle' });
    await session.close();
  };
  const drop = (session: BenchSession): Promise<void> => session.drop('echo', { text: 'gone' });
  const sse: Route = { kind: 'sse', urls: route.urls.map((url) => url.replace(/\/mcp$/, '/sse')) };
  for (let time = 0; time < 2; time += 1) {
    await openMany(route, cycles, { each: cycle });
    await openMany(sse, dropped / 2, { each: drop });
    await openMany(route, dropped / 2, { each: drop });
    await stop();
  }
  return { ...NOTHING, count: cycles + dropped };
}

/** Sessions at rest have no connection: what they cost is the bridge's alone. */
export async function fleet(route: Route, job: JobOf<'fleet'>): Promise<Figures> {
  const sessions: BenchSession[] = [];
  for (const step of job.steps) {
    const opened = await openMany(route, step - sessions.length, {
      // Ten thousand starts on a few cores: more at a time only wait for each other.
      width: 4,
      async each(session) {
        await session.call('echo', { text: 'held' });
        session.rest();
      },
    });
    sessions.push(...opened);
    await stop();
    const active = sessions.slice(0, job.active);
    const window = { width: active.length, warmMs: job.warmMs, runMs: job.runMs };
    const figures = await loop(window, (lane) => timed(active[lane]!, job.input));
    active.forEach((session) => session.rest());
    tell({ step: figures });
  }
  return { ...NOTHING, count: sessions.length };
}
