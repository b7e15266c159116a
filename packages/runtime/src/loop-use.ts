/**
 * Owns how busy the event loop has been of late: since it was asked before, however many ask.
 * Invariant: what is told is of at least `SHORTEST` milliseconds, but at the start of the process.
 */
const SHORTEST = 5_000;

/** Milliseconds. */
interface Use {
  readonly active: number;
  readonly idle: number;
}

interface Mark {
  readonly at: number;
  readonly use: Use;
}

/** A share of the time, 0 to 1, at each question. */
export function loopUse(now = (): number => performance.now(), read = (): Use => performance.eventLoopUtilization()): () => number {
  const start: Mark = { at: now(), use: read() };
  let [before, last] = [start, start];
  return () => {
    const mark = { at: now(), use: read() };
    // Who asks soon after another is told of the same time as that one, and a little more.
    if (mark.at - last.at >= SHORTEST) [before, last] = [last, mark];
    const [active, idle] = [mark.use.active - before.use.active, mark.use.idle - before.use.idle];
    return active + idle > 0 ? active / (active + idle) : 0;
  };
}
