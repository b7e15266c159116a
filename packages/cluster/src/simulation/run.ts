/**
 * Owns running random schedules: each in its turn in a thread of its own, from one seed on, until one fails.
 * Without being told otherwise it plays the same ones every time, so that a change of the code alone makes a difference;
 * `SIM_FROM=n` plays others, `SIM_RUNS=n` so many, `SIM_SEED=n` that one again.
 */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';

/** The seed that is begun with. */
const FIRST = 1;

interface Order {
  readonly first: number;
  readonly runs: number;
}

/** In the thread: plays the schedules that were ordered. */
export async function runHere(play: (seed: number) => Promise<void>): Promise<void> {
  const { first, runs } = workerData as Order;
  const failures: unknown[] = [];
  process.on('uncaughtException', (error) => failures.push(error));
  for (let seed = first; seed < first + runs && failures.length === 0; seed += 1) {
    await play(seed).catch((error: unknown) => failures.push(error));
    // What nobody has caught is told only when the microtasks have come to rest.
    await setImmediate();
    const stacks = failures.map((error) => (error instanceof Error ? error.stack : String(error)));
    if (failures.length > 0) parentPort!.postMessage(`SIM_SEED=${seed}: ${stacks.join('\n')}`, []);
  }
  if (failures.length === 0) parentPort!.postMessage('', []);
}

/** In the test: orders schedules of the program at `url`; resolves with what was run, rejects with the seed of the one that failed. */
export async function runSchedules(url: URL, runs: number): Promise<string> {
  const given = process.env['SIM_SEED'];
  const first = Number(given ?? process.env['SIM_FROM'] ?? FIRST);
  const ordered = given === undefined ? Number(process.env['SIM_RUNS'] ?? runs) : 1;
  const begun = performance.now();
  const thread = new Worker(url, { workerData: { first, runs: ordered } satisfies Order });
  const [told] = (await once(thread, 'message')) as [string];
  await thread.terminate();
  if (told !== '') throw new Error(told);
  return `${ordered} schedules, seeds from ${first}; ${Math.round(performance.now() - begun)} ms`;
}
