/**
 * Proves of every hot operation that it allocates no more than its row says: by count, which does not depend on the machine
 * or on its load, and not by time. `node test/allocations/main.ts` shows the figures.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { rowsOf, TABLES } from './operation.ts';
import { excessOf, figureOf } from './run.ts';

for (const table of TABLES) {
  const rows = await rowsOf(table);
  suite(table, { concurrency: 2 }, () => {
    for (const row of rows) {
      test(row.name, async () => {
        const excess = excessOf(row, await figureOf(table, row));
        if (excess !== undefined) assert.fail(excess);
      });
    }
  });
}
