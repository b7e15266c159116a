/**
 * Owns time for measurements: a clock and a wheel that go on with the calls and not with the machine, so that what is done
 * now and then is done in the same calls every time.
 */
import { createWheel, type Clock, type Wheel } from '@causeway/runtime';

export interface Time {
  readonly clock: Clock;
  readonly wheel: Wheel;
  /** So many milliseconds pass. */
  pass(ms: number): void;
}

const START = 1_800_000_000_000;

export function openTime(): Time {
  let elapsed = 0;
  let timer: { readonly fn: () => void; readonly at: number } | undefined;
  const clock = { now: () => START + elapsed, monotonic: () => elapsed };
  const wheel = createWheel({
    clock,
    timer: (fn, ms) => {
      const mine = (timer = { fn, at: elapsed + ms });
      return () => {
        if (timer === mine) timer = undefined;
      };
    },
  });
  return {
    clock,
    wheel,
    pass(ms) {
      elapsed += ms;
      if (timer === undefined || timer.at > elapsed) return;
      const { fn } = timer;
      timer = undefined;
      fn();
    },
  };
}
