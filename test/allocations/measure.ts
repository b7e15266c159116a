/**
 * Owns measuring one operation, in a process of its own that run.ts starts: `measure.ts TABLE NAME` prints a Figure as JSON.
 *
 * What makes the figure the same every time:
 *  1. V8 has one thread (`--single-threaded`), so that it compiles after so many calls and not after so much time.
 *  2. The young generation takes a whole batch: nothing is collected within one, which is asserted.
 *  3. Between batches only the young is collected: a collection of the whole heap throws optimised code away.
 *  4. Batches are counted when the code is warm, and the one in the middle is told: one in which V8 still compiled, or in
 *     which a collection grew, does not count.
 */
import assert from 'node:assert/strict';
import { Session } from 'node:inspector';
import { GCProfiler, getHeapStatistics } from 'node:v8';
import { rowsOf, type Operation } from './operation.ts';
import { allocationsIn, type SamplingProfile } from './profile.ts';
import type { Figure } from './run.ts';

/** Operations until the code is warm; batches that count. */
const WARM = 20_000;
const BATCHES = 9;
/** Operations of a batch: so many that one slab of small buffers more or less is little, so few that the young generation takes them. */
const BATCH = { short: 4_000, long: 500 } as const;

type Batch = (count: number) => void | Promise<void>;

let made: unknown;

const nothing = (): void => undefined;

function repeat(operation: Operation, count: number): void {
  // What was made is kept for a moment, or the compiler would not make it.
  for (let nth = 0; nth < count; nth += 1) made = operation(nothing);
}

/** V8 makes what a loop has always called part of the loop, and takes out of it what is the same each time: this one has called others. */
const OTHERS: readonly Operation[] = [() => 0, () => 1, () => 2, () => 3, () => 4];

function atOnce(operation: Operation): Batch {
  for (const other of OTHERS) repeat(other, BATCH.short);
  return (count) => repeat(operation, count);
}

function oneByOne(operation: Operation): Batch {
  let left = 0;
  let over: () => void;
  const next = (): void => {
    if ((left -= 1) > 0) operation(next);
    else over();
  };
  return (count) =>
    new Promise((resolve) => {
      left = count;
      over = resolve;
      operation(next);
    });
}

const used = (): number => getHeapStatistics().used_heap_size + process.memoryUsage().arrayBuffers;

const collectYoung = (): void => globalThis.gc?.({ type: 'minor' });

interface Batched {
  /** For one operation. */
  readonly bytes: number;
  /** What was there before, after a collection of the young. */
  readonly present: number;
}

async function count(batch: Batch, operations: number): Promise<Batched> {
  collectYoung();
  const present = used();
  await batch(operations);
  return { bytes: (used() - present) / operations, present };
}

async function profile(batch: Batch, operations: number): Promise<SamplingProfile> {
  const session = new Session();
  session.connect();
  // V8 collects everything before it tells: what has gone by then is asked for too.
  const passed = { includeObjectsCollectedByMinorGC: true, includeObjectsCollectedByMajorGC: true };
  session.post('HeapProfiler.startSampling', { samplingInterval: 1, ...passed });
  // What V8 had set aside for the next objects before goes unseen; a collection gives it back.
  collectYoung();
  await batch(operations);
  let found: SamplingProfile | undefined;
  session.post('HeapProfiler.stopSampling', (error, result) => {
    assert.equal(error, null);
    found = result.profile as unknown as SamplingProfile;
  });
  session.disconnect();
  assert(found);
  return found;
}

async function measure(operation: Operation): Promise<Figure> {
  const [batch, size] = operation.length === 0 ? [atOnce(operation), BATCH.short] : [oneByOne(operation), BATCH.long];
  for (let nth = 0; nth < WARM; nth += size) await count(batch, size);
  const batches: Batched[] = [];
  // What it tells is of a form that ours may share, upon which V8 compiles ours anew: it is asked when all is counted.
  const collections = new GCProfiler();
  collections.start();
  while (batches.length < BATCHES) batches.push(await count(batch, size));
  assert.equal(collections.stop().statistics.length, BATCHES, 'something was collected within a batch');
  const kept = (batches.at(-1)!.present - batches[0]!.present) / (size * (BATCHES - 1));
  const bytes = batches.map((one) => one.bytes).toSorted((a, b) => a - b);
  const allocations = allocationsIn(await profile(batch, size), size);
  return { bytes: bytes[(BATCHES - 1) / 2]!, least: bytes[0]!, most: bytes.at(-1)!, kept, ...allocations };
}

const [, , table, name] = process.argv;
assert(table !== undefined, 'usage: measure.ts TABLE NAME');
const row = (await rowsOf(table)).find((row) => row.name === name);
assert(row, `${table} has no ${name}`);
const figure = await measure(await row.open());
assert(made !== null);
process.stdout.write(JSON.stringify(figure), () => process.exit());
