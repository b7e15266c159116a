/** An environment is read once, and never too few times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProcessStat } from '../../src/child/proc.ts';
import { SeenMarks } from '../../src/child/seen-marks.ts';

const life = (pid: number, started = '100'): ProcessStat => ({ pid, group: pid, started, dead: false, ending: false });

test('a mark is remembered for one life of a process', () => {
  const marks = new SeenMarks();
  assert.equal(marks.of(life(7)), undefined);
  marks.note(life(7), 'w/s/1@1.2.3;');
  assert.equal(marks.of(life(7)), 'w/s/1@1.2.3;');
  assert.equal(marks.of(life(7, '200')), undefined);
});

test('that there is none is believed when it was read twice, for a child has none before its exec', () => {
  const marks = new SeenMarks();
  marks.note(life(7));
  assert.equal(marks.of(life(7)), undefined);
  marks.note(life(7));
  assert.equal(marks.of(life(7)), '');
  marks.note(life(8));
  marks.note(life(8), 'w/s/1@1.2.3;');
  assert.equal(marks.of(life(8)), 'w/s/1@1.2.3;');
  marks.note(life(9));
  marks.note(life(9, '200'));
  assert.equal(marks.of(life(9, '200')), undefined);
});

test('what is gone is forgotten', () => {
  const marks = new SeenMarks();
  for (const pid of [7, 8]) marks.note(life(pid), 'w/s/1@1.2.3;');
  marks.keep(new Set([8]));
  assert.deepEqual([marks.of(life(7)), marks.of(life(8))], [undefined, 'w/s/1@1.2.3;']);
});
