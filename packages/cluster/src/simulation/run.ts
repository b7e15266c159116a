/**
 * Owns running random schedules: each in its turn in a thread of its own, from one seed on, until one fails.
 * `SIM_SEED=n` runs one schedule again, `SIM_RUNS=n` so many.
 */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';

interface Order {
  readonly first: number;
  readonly runs: number;
}

/** In the thread: plays the schedules that were ordered. */
export async function runHere(play: (seed: number) => Promise<void>): Promise<void> {
  const { first, runs } = workerData as Order;
  let seed = first;
  const failed = (error: unknown): void =>
    parentPort!.postMessage(`SIM_SEED=${seed}: ${error instanceof Error ? error.stack : String(error)}`, []);
  process.on('uncaughtException', failed);
  for (; seed < first + runs; seed += 1) {
    try {
      await play(seed);
    } catch (error) {
      return failed(error);
    }
  }
  parentPort!.postMessage('', []);
}

/** In the test: orders schedules of the program at `url`; resolves with what was run, rejects with the seed of the one that failed. */
export async function runSchedules(url: URL, runs: number): Promise<string> {
  const given = process.env['SIM_SEED'];
  const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  const ordered = given === undefined ? Number(process.env['SIM_RUNS'] ?? runs) : 1;
  const begun = performance.now();
  const thread = new Worker(url, { workerData: { first, runs: ordered } satisfies Order });
  const [told] = (await once(thread, 'message')) as [string];
  await thread.terminate();
  if (told !== '') throw new Error(told);
  return `${ordered} schedules, seeds from ${first}; ${Math.round(performance.now() - begun)} ms`;
}
