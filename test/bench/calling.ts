/** Owns the jobs whose figures are those of calls: the closed loop, calls beside large answers, a burst of progress. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Figures, FromLoad, JobOf, ToLoad } from './job.ts';
import { closeAll, cpuNow, figuresOf, loop, openMany, tell } from './loop.ts';
import type { BenchSession, Route } from './mcp.ts';
import { openSession } from './sessions.ts';

export async function timed(session: BenchSession, input: object, bytes = 0): Promise<number> {
  const from = performance.now();
  const body = await session.call('echo', input);
  if (body.length < bytes) throw new Error(`an answer of ${body.length} bytes instead of ${bytes}`);
  return performance.now() - from;
}

export async function calls(route: Route, job: JobOf<'calls'>): Promise<Figures> {
  const width = job.sessions * (job.perUrl && 'urls' in route ? route.urls.length : 1);
  const sessions = await openMany(route, width);
  const { warmMs, runMs } = job;
  const figures = await loop({ width, warmMs, runMs }, (lane) => timed(sessions[lane]!, job.input, job.bytes));
  await closeAll(sessions);
  return figures;
}

/** The large answers are taken by a process of their own, so that the small calls do not wait for their own client. */
export async function beside(route: Route, job: JobOf<'beside'>, binary: string | undefined): Promise<Figures> {
  const sessions = await openMany(route, job.sessions);
  const warm = { width: job.sessions, warmMs: 0, runMs: job.warmMs };
  await loop(
    warm,
    (lane) => timed(sessions[lane]!, job.input),
    () => {},
  );
  const latencies: number[] = [];
  let over = false;
  let taking = false;
  const lane = async (index: number): Promise<void> => {
    let due = performance.now() + (job.everyMs * index) / job.sessions;
    while (!over) {
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const took = await timed(sessions[index]!, job.input);
      if (taking) latencies.push(took);
      due = Math.max(due + job.everyMs, performance.now());
    }
  };
  const lanes = Promise.all(sessions.map((_, index) => lane(index)));
  const take = async (until: Promise<unknown>): Promise<Figures> => {
    const [from, cpu] = [performance.now(), cpuNow()];
    taking = true;
    await until;
    taking = false;
    return figuresOf(latencies.splice(0), performance.now() - from, cpuNow() - cpu);
  };
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(500);
  const alone = await take(pause(job.runMs));
  const other = otherLoad(route, job, binary);
  await other.until('begin');
  tell({ phase: 'begin' });
  const figures = await take(other.until('end'));
  tell({ phase: 'end' });
  over = true;
  await lanes;
  await other.ended;
  await closeAll(sessions);
  return { ...figures, aloneP99: alone.p99 };
}

function otherLoad(route: Route, { other: job }: JobOf<'beside'>, binary: string | undefined) {
  const child = fork(join(import.meta.dirname, 'load.ts'), { stdio: 'inherit' });
  const order: ToLoad = { job, route, lanes: binary };
  child.send(order);
  const heard = { begin: Promise.withResolvers<void>(), end: Promise.withResolvers<void>() };
  child.on('message', (message: FromLoad) => {
    if ('phase' in message && message.phase !== 'held') heard[message.phase].resolve();
    if ('failed' in message) for (const { reject } of Object.values(heard)) reject(new Error(message.failed));
  });
  return { until: (phase: 'begin' | 'end') => heard[phase].promise, ended: once(child, 'exit') };
}

export async function burst(route: Route, job: JobOf<'burst'>): Promise<Figures> {
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
