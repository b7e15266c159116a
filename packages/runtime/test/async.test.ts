import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeadlineError, withDeadline } from '../src/index.ts';

test('withDeadline gives the outcome of the work', async () => {
  assert.equal(await withDeadline(Promise.resolve(7), 1_000), 7);
  await assert.rejects(withDeadline(Promise.reject(new Error('bad')), 1_000), /bad/);
});

test("withDeadline rejects when the time is up, and a later failure of the work is nobody's", async () => {
  const work = Promise.withResolvers<void>();
  const hold = setTimeout(() => undefined, 5_000);
  await assert.rejects(
    withDeadline(work.promise, 5, 'reading'),
    (error: unknown) => error instanceof DeadlineError && error.ms === 5 && error.message.startsWith('reading took'),
  );
  work.reject(new Error('too late to matter'));
  await new Promise(setImmediate);
  clearTimeout(hold);
});
