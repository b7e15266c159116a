import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeadlineError, deferred, withDeadline } from '../src/index.ts';

test('withDeadline gives the outcome of the work', async () => {
  assert.equal(await withDeadline(Promise.resolve(7), 1_000), 7);
  await assert.rejects(withDeadline(Promise.reject(new Error('bad')), 1_000), /bad/);
});

test("withDeadline rejects when the time is up, and a later failure of the work is nobody's", async () => {
  const work = deferred<void>();
  const hold = setTimeout(() => undefined, 5_000);
  await assert.rejects(
    withDeadline(work.promise, 5, { what: 'reading' }),
    (error: unknown) => error instanceof DeadlineError && error.ms === 5 && error.message.startsWith('reading took'),
  );
  work.reject(new Error('too late to matter'));
  await new Promise(setImmediate);
  clearTimeout(hold);
});

test('withDeadline makes the error that it is given', async () => {
  await assert.rejects(withDeadline(new Promise(() => undefined), 1, { late: () => new RangeError('mine') }), RangeError);
});

test('a signal ends the wait with its reason, before and during', async () => {
  const aborted = AbortSignal.abort(new Error('gone'));
  await assert.rejects(withDeadline(new Promise(() => undefined), 1_000, { signal: aborted }), /gone/);
  const controller = new AbortController();
  const wait = withDeadline(new Promise(() => undefined), Infinity, { signal: controller.signal });
  controller.abort(new Error('left'));
  await assert.rejects(wait, /left/);
});
