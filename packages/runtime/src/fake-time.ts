/**
 * Owns time for tests: a clock that stands still until told, and a wheel that goes by it. Keeps the
 * wheel's invariants (clock.ts) without any timer, exact to the millisecond. Never used outside tests.
 */
import assert from 'node:assert/strict';
import type { Clock, Wheel } from './clock.ts';

export interface FakeTime {
  readonly clock: Clock;
  readonly wheel: Wheel;
  /** Moves both clocks by `ms` milliseconds and fires what falls due, in order of its deadline. */
  advance(ms: number): void;
}

interface Entry {
  readonly at: number;
  readonly fn: () => void;
}

/** `start`: milliseconds since 1970. */
export function fakeTime(start = 1_800_000_000_000): FakeTime {
  let elapsed = 0;
  const entries = new Set<Entry>();
  const nextDue = (until: number): Entry | undefined => {
    let first: Entry | undefined;
    for (const entry of entries) if (entry.at <= until && (first === undefined || entry.at < first.at)) first = entry;
    return first;
  };
  return {
    clock: { now: () => start + elapsed, monotonic: () => elapsed },
    wheel: {
      after(ms, fn) {
        const entry: Entry = { at: elapsed + Math.max(0, ms), fn };
        entries.add(entry);
        return () => void entries.delete(entry);
      },
      get size() {
        return entries.size;
      },
      [Symbol.dispose]: () => entries.clear(),
    },
    advance(ms) {
      assert(ms >= 0, 'time never goes back');
      const until = elapsed + ms;
      for (let entry = nextDue(until); entry !== undefined; entry = nextDue(until)) {
        entries.delete(entry);
        elapsed = Math.max(elapsed, entry.at);
        entry.fn();
      }
      elapsed = until;
    },
  };
}
