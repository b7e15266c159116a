/**
 * Owns what a worker has of the machine that it runs on: time, chance, child processes, and the search for those
 * that a former life left behind. A simulation gives its own, in which all of it follows from a seed.
 */
import type { WorkerId } from '@causeway/protocol';
import { createWheel, systemClock, type Clock, type Log, type Wheel } from '@causeway/runtime';
import { openOrphanSweep } from './child/orphans.ts';
import type { WorkerOptions } from './options.ts';
import { openStarts, type StartChild } from './starts.ts';

export interface Machine {
  readonly clock: Clock;
  readonly wheel: Wheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly start: StartChild;
  /** Ends what others left, now and then; `isCurrent`: whether the session that a child's mark names is still here. */
  sweep(isCurrent: (mark: string) => boolean): Promise<AsyncDisposable>;
}

export async function openMachine(
  { worker, log }: { readonly worker: WorkerId; readonly log: Log },
  limits: WorkerOptions['worker'],
): Promise<Machine & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const wheel = stack.use(createWheel());
  const { start } = stack.use(await openStarts({ worker, log }, limits));
  const owned = stack.move();
  return {
    clock: systemClock,
    wheel,
    random: Math.random,
    start,
    sweep: (isCurrent) => openOrphanSweep({ log, own: { worker, isCurrent } }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
