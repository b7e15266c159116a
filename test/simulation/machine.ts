/** Owns time as the services' own code sees it in a simulation: a clock, and a wheel that is as late as it may be. */
import type { Member } from '@causeway/cluster/simulation';
import type { Clock, Wheel } from '@causeway/runtime';

type Time = Member['time'];

/** Milliseconds since 1970 at which a simulation begins. */
const START = 1_800_000_000_000;
/** A deadline fires up to two ticks late (runtime/clock.ts). */
const LATE = 20;

export const clockOf = (time: Time): Clock => ({ now: () => START + time.now(), monotonic: () => time.now() });

export function openWheel(time: Time): Wheel {
  const due = new Set<object>();
  return {
    after(ms, fn) {
      const entry = {};
      due.add(entry);
      const cancel = time.after(ms + LATE * time.random(), () => {
        if (due.delete(entry)) fn();
      });
      return () => {
        if (due.delete(entry)) cancel();
      };
    },
    get size() {
      return due.size;
    },
    [Symbol.dispose]: () => due.clear(),
  };
}
