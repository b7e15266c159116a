/** Numbered requests of edges: each is new once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CallWindows, MISSING } from '../../src/stateless/call-windows.ts';

test('what comes in order is new, and what comes again is not', () => {
  const windows = new CallWindows();
  for (const number of [0, 1, 2]) assert.equal(windows.isNew('e', number, false), true);
  for (const number of [0, 1, 2]) assert.equal(windows.isNew('e', number, true), false);
  assert.equal(windows.isNew('other', 1, false), true, 'each edge counts for itself');
});

test('what was lost is new once, whether it is sent again or was only late', () => {
  const windows = new CallWindows();
  for (const number of [0, 1, 5]) windows.isNew('e', number, false);
  assert.equal(windows.isNew('e', 3, true), true);
  assert.equal(windows.isNew('e', 3, false), false, 'the first one comes after all');
  assert.equal(windows.isNew('e', 2, false), true);
  assert.equal(windows.isNew('e', 2, true), false);
  assert.equal(windows.isNew('e', 6, true), true, 'nothing was sent after it');
  assert.equal(windows.isNew('e', 6, false), false);
});

test('what was refused has not run, and is new once more', () => {
  const windows = new CallWindows();
  for (const number of [0, 1, 2]) windows.isNew('e', number, false);
  windows.refused('e', 1);
  assert.equal(windows.isNew('e', 1, true), true);
  assert.equal(windows.isNew('e', 1, true), false);
  windows.refused('unknown', 1);
  assert.equal(windows.isNew('unknown', 1, true), false);
});

test('of an edge that is not known nothing is known not to have come', () => {
  const windows = new CallWindows();
  assert.equal(windows.isNew('e', 7, true), false);
  assert.equal(windows.isNew('e', 7, false), true);
  assert.equal(windows.isNew('e', 6, true), false);
});

test('only so many are known to be missing, the newest', () => {
  const windows = new CallWindows();
  windows.isNew('e', 0, false);
  windows.isNew('e', MISSING + 2, false);
  assert.equal(windows.isNew('e', 1, true), false);
  assert.equal(windows.isNew('e', 2, true), true);
  windows.isNew('e', MISSING + 5, false);
  assert.equal(windows.isNew('e', 3, true), false);
  assert.equal(windows.isNew('e', 4, true), true);
  assert.equal(windows.isNew('e', MISSING + 4, true), true);
});

test('in any order, and however often, none is new twice', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(50), fc.boolean()), { maxLength: 200 }), (sent) => {
      const windows = new CallWindows();
      const taken = sent.flatMap(([number, again]) => (windows.isNew('e', number, again) ? [number] : []));
      assert.equal(new Set(taken).size, taken.length);
    }),
  );
});
