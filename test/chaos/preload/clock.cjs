/**
 * Runs before the program under test (`NODE_OPTIONS=--require`) and bends its clocks, as a machine does that was set
 * wrong, or a virtual machine that was paused:
 *   CHAOS_CLOCK_AHEAD=ms  the time of day is that far ahead (or behind)
 *   CHAOS_CLOCK_STILL=1   monotonic time stands still while the process is stopped
 */
const { CHAOS_CLOCK_AHEAD, CHAOS_CLOCK_STILL } = process.env;

if (CHAOS_CLOCK_AHEAD) {
  const ahead = Number(CHAOS_CLOCK_AHEAD);
  const RealDate = Date;
  const now = () => RealDate.now() + ahead;
  globalThis.Date = class Date extends RealDate {
    constructor(...args) {
      super(...(args.length === 0 ? [now()] : args));
    }
    static now() {
      return now();
    }
  };
}

if (CHAOS_CLOCK_STILL) {
  const real = performance.now.bind(performance);
  let last = real();
  let lost = 0;
  const tick = () => {
    const at = real();
    // Nothing but a stop lasts that long between two looks.
    if (at - last > 2_000) lost += at - last;
    last = at;
    return at - lost;
  };
  performance.now = tick;
  setInterval(tick, 100).unref();
}
