import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Stamps } from '../src/stamps.ts';

describe('stamps', () => {
  it('are as old as the record that came next', () => {
    const stamps = new Stamps();
    for (const [sequence, at] of [
      [5, 1_000],
      [9, 3_000],
      [12, 5_000],
    ] as const)
      stamps.note(sequence, at);
    const age = (stamp: number): number => stamps.age(stamp, 8_000);
    assert.deepEqual([age(4), age(5), age(8), age(9), age(11)], [7_000, 5_000, 5_000, 3_000, 3_000]);
    assert.deepEqual([age(12), age(13)], [0, 0], 'while no newer record could be seen nothing is old');
  });

  it('say nothing before there is a record, and forget another log', () => {
    const stamps = new Stamps();
    assert.equal(stamps.age(1, 9_000), 0);
    stamps.note(900, 1_000);
    stamps.note(3, 2_000);
    assert.equal(stamps.age(800, 9_000), 0);
    assert.equal(stamps.age(2, 9_000), 7_000);
  });

  it('keep no more than is needed, however often a record changes', () => {
    const stamps = new Stamps();
    for (let at = 0; at < 1_000_000; at += 10) stamps.note(at + 1, at);
    const newest = 999_990;
    assert.ok(stamps.age(newest - 5_000, 1_000_000) >= 5_000 - 10 - 250);
    assert.ok(stamps.age(1, 1_000_000) >= 30_000, 'what is older than what is kept is at least as old as that');
    assert.ok(stamps.age(newest, 1_000_000) <= 250);
  });
});
