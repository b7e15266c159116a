/**
 * Owns the tables of hot operations: where they are, and what a row of one is. Each package keeps its table beside its
 * tests, as only it may look behind its own door; the tables are read here and imported nowhere.
 */
import assert from 'node:assert/strict';

/** One operation, again and again. It returns what it made; one that ends on a later turn calls `done` instead. */
export type Operation = (done: () => void) => unknown;

export interface Row {
  readonly name: string;
  /** Bytes that one operation may allocate, on the heap and in buffers. */
  readonly bytes: number;
  /** Objects on the heap that one operation may allocate. */
  readonly objects: number;
  /** Bytes of one operation that collections of the young may leave, though nobody refers to them; default `KEPT`. */
  readonly kept?: number;
  /** The machine's time passes in it: what is done now and then is in the count too, more of it on a machine that is busy. */
  readonly timed?: true;
  /** Makes what the operation needs, once. */
  readonly open: () => Operation | Promise<Operation>;
}

/** What passes through is let go (docs/adr/0014), but for what V8 itself grows by. */
export const KEPT = 100;

/** Relative to the repository's root, in the order of the layers. */
export const TABLES = [
  'packages/runtime/test/allocations.ts',
  'packages/protocol/test/allocations.ts',
  'packages/cluster/test/allocations.ts',
  'services/worker/test/allocations.ts',
  'services/edge/test/allocations.ts',
  'test/allocations/whole-calls.ts',
] as const;

export const fileOf = (table: string): URL => new URL(`../../${table}`, import.meta.url);

/** The rows that a table exports as `operations`; their names differ. */
export async function rowsOf(table: string): Promise<readonly Row[]> {
  const { operations } = (await import(fileOf(table).href)) as { readonly operations: readonly Row[] };
  assert.equal(new Set(operations.map(({ name }) => name)).size, operations.length, `${table}: a name occurs twice`);
  for (const { name, bytes, objects, open } of operations) {
    assert.equal(typeof open, 'function', name);
    assert(Number.isFinite(bytes) && Number.isFinite(objects), `${table}: ${name} has no bounds`);
  }
  return operations;
}
