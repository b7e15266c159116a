/**
 * Owns starting the process that measures a row, and what is said of the figure. V8 is told what makes the figure the same
 * every time (measure.ts); of the environment it is given nothing, since a profile or a coverage that is asked for there
 * changes what V8 makes of the code.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { KEPT, type Row } from './operation.ts';
import type { Allocations } from './profile.ts';

export interface Figure extends Allocations {
  /** For one operation, on the heap and in buffers. */
  readonly bytes: number;
  /** The least and the most of the batches. */
  readonly least: number;
  readonly most: number;
  /** Bytes of one operation that the next collections of the young do not free. */
  readonly kept: number;
}

/** Sizes in MiB. What optimised code could allocate together is allocated one by one, so that it can be counted. */
const FLAGS = [
  '--expose-gc',
  '--single-threaded',
  '--min-semi-space-size=64',
  '--max-semi-space-size=64',
  '--initial-old-space-size=1024',
  '--external-memory-accounted-in-global-limit',
  '--no-memory-reducer',
  '--no-turbo-allocation-folding',
  '--sampling-heap-profiler-suppress-randomness',
];
const MEASURE = fileURLToPath(new URL('measure.ts', import.meta.url));
/** Milliseconds: a measurement takes one to five seconds of a core. */
const DEADLINE = 240_000;

export async function figureOf(table: string, { name }: Row): Promise<Figure> {
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, MEASURE, table, name], { env: {}, timeout: DEADLINE });
  return JSON.parse(stdout) as Figure;
}

/** A bound for what was measured: 15 % more. Objects are counted exactly: one more is too much, but for whole calls 1 %. */
export const boundFor = ({ timed }: Row, { bytes, objects }: Figure): Pick<Row, 'bytes' | 'objects'> => ({
  bytes: Math.ceil((bytes * 1.15) / 10) * 10,
  objects: Math.round(Math.max(objects + 0.5, objects * (timed ? 1.15 : 1.01)) * 10) / 10,
});

/** What is wrong with the figure; `undefined`: nothing. */
export function excessOf({ name, bytes, objects, kept = KEPT }: Row, figure: Figure): string | undefined {
  if (figure.bytes <= bytes && figure.objects <= objects && figure.kept <= kept) return undefined;
  return [
    `"${name}" allocates ${figure.bytes.toFixed(0)} bytes in ${figure.objects.toFixed(1)} objects; it may ${bytes} in ${objects}.`,
    `${figure.kept.toFixed(0)} bytes of it outlive the collections of the young; ${kept} may. Most is allocated in:`,
    ...placesOf(figure),
    'If it has to be so: node test/allocations/main.ts --write',
  ].join('\n');
}

export const placesOf = ({ where }: Figure): string[] =>
  where.map(({ at, bytes, objects }) => `${bytes.toFixed(0).padStart(8)} B ${objects.toFixed(1).padStart(6)}  ${at}`);
