/**
 * Owns running random schedules: each in its turn in a thread of its own, from one seed on, until one fails.
 * Without being told otherwise it plays the same ones every time, so that a change of the code alone makes a difference;
 * `SIM_FROM=n` plays others, `SIM_RUNS=n` so many, `SIM_SEED=n` that one again.
 * Invariant: a failure names its seed, also that of a schedule which waits for something that does not come, or has no end.
 */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';

/** The seed that is begun with. */
const FIRST = 1;
/** Milliseconds of real time for one schedule, which takes a twentieth of a second: what takes longer has no end. */
const ENDLESS = 60_000;

interface Order {
  readonly first: number;
  readonly runs: number;
}

/** What the thread says: which schedule it plays now; in the end, how the last one failed, or nothing. */
type Word = { readonly seed: number } | { readonly failure: string };

/** In the thread: plays the schedules that were ordered. */
export async function runHere(play: (seed: number) => Promise<void>): Promise<void> {
  const { first, runs } = workerData as Order;
  const say = (word: Word): void => parentPort!.postMessage(word, []);
  const failures: unknown[] = [];
  process.on('uncaughtException', (error) => failures.push(error));
  for (let seed = first; seed < first + runs && failures.length === 0; seed += 1) {
    say({ seed });
    await play(seed).catch((error: unknown) => failures.push(error));
    // What nobody has caught is told only when the microtasks have come to rest.
    await setImmediate();
  }
  say({ failure: failures.map((error) => (error instanceof Error ? error.stack : String(error))).join('\n') });
}

/** In the test: orders schedules of the program at `url`; resolves with what was run, rejects with the seed of the one that failed. */
export async function runSchedules(url: URL, runs: number): Promise<string> {
  const given = process.env['SIM_SEED'];
  const first = Number(given ?? process.env['SIM_FROM'] ?? FIRST);
  const ordered = given === undefined ? Number(process.env['SIM_RUNS'] ?? runs) : 1;
  const begun = performance.now();
  const thread = new Worker(url, { workerData: { first, runs: ordered } satisfies Order });
  const failure = await outcome(thread, first);
  await thread.terminate();
  if (failure !== '') throw new Error(failure);
  return `${ordered} schedules, seeds from ${first}; ${Math.round(performance.now() - begun)} ms`;
}

/** How a schedule of the thread failed, with its seed; empty when all are over and none has. */
async function outcome(thread: Worker, first: number): Promise<string> {
  let playing = first;
  const { promise, resolve } = Promise.withResolvers<string>();
  const endless = setTimeout(() => resolve(`has not come to its end in ${ENDLESS} ms`), ENDLESS);
  thread.on('message', (word: Word) => {
    endless.refresh();
    if ('seed' in word) playing = word.seed;
    else resolve(word.failure);
  });
  const gone = once(thread, 'exit').then(() => 'its thread has ended: something is waited for that does not come');
  const failure = await Promise.race([promise, gone]).finally(() => clearTimeout(endless));
  return failure && `SIM_SEED=${playing}: ${failure}`;
}
