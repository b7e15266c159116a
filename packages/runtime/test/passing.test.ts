/**
 * Proves of everything that messages pass through that it lets go of them: what has gone is freed by the next collection
 * of the young, also after a collection of the whole heap has made everything old that was there at that moment.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Chain, createWheel, Register } from '../src/index.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;

/** At any moment as many are there. */
const PRESENT = 32;
const PASSING = 3_000;
/** Bytes that each holds. */
const EACH = 1_000;

interface Passage {
  /** Takes something in; returns the way to let it go. */
  enter(load: object, nth: number): () => void;
}

/** Bytes of the heap for each that passed and has gone. */
function kept({ enter }: Passage): number {
  const present: (() => void)[] = [];
  const pass = (nth: number): void => {
    present[nth % PRESENT]?.();
    present[nth % PRESENT] = enter(
      Array.from({ length: EACH / 8 }, () => nth),
      nth,
    );
  };
  for (let nth = 0; nth < 1_000; nth += 1) pass(nth);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let nth = 1_000; nth < 1_000 + PASSING; nth += 1) pass(nth);
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  return (process.memoryUsage().heapUsed - before) / PASSING;
}

test('a chain', () => {
  const chain = new Chain<object>();
  const enter: Passage['enter'] = (load) => {
    const link = chain.add(load);
    return () => chain.remove(link);
  };
  assert(kept({ enter }) < EACH / 4);
});

test('a register', () => {
  const register = new Register<string, object>();
  const enter: Passage['enter'] = (load, nth) => {
    register.set(`exchange-${nth}`, load);
    return () => register.delete(`exchange-${nth}`);
  };
  assert(kept({ enter }) < EACH / 4);
});

test('the wheel of deadlines', () => {
  using wheel = createWheel();
  assert(kept({ enter: (load) => wheel.after(60_000, () => load) }) < EACH / 4);
});

test('what is shown here: a map keeps nearly all', () => {
  const map = new Map<string, object>();
  const enter: Passage['enter'] = (load, nth) => {
    map.set(`exchange-${nth}`, load);
    return () => map.delete(`exchange-${nth}`);
  };
  assert(kept({ enter }) > EACH / 2, 'V8 lets go of a map that was outgrown: Chain and Register are not needed any more');
});

test('what is shown here: a function is kept that was written where a property is set, though it is cleared, and none that was made before', () => {
  const cleared = (box: { heard: (() => object) | undefined }) => (): void => void (box.heard = undefined);
  const written: Passage['enter'] = (load) => {
    const box: Parameters<typeof cleared>[0] = { heard: undefined };
    box.heard = () => load;
    return cleared(box);
  };
  const made: Passage['enter'] = (load) => {
    const box: Parameters<typeof cleared>[0] = { heard: undefined };
    const heard = (): object => load;
    box.heard = heard;
    return cleared(box);
  };
  assert(kept({ enter: written }) > EACH / 2, 'V8 lets go of it: functions may be written where they are assigned');
  assert(kept({ enter: made }) < EACH / 4);
});
