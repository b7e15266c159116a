/**
 * Owns time and chance as the parts of a cluster see them. A simulation gives its own, in which both are its seed's.
 */
export interface Time {
  /** Milliseconds from an arbitrary start; never goes back. */
  now(): number;
  /** Calls back once, `ms` milliseconds from now, never for `Infinity`; returns the cancel. */
  after(ms: number, fn: () => void): () => void;
  /** Uniform in [0, 1). */
  random(): number;
}

export const systemTime: Time = {
  now: () => performance.now(),
  after(ms, fn) {
    if (ms === Infinity) return () => undefined;
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

/** The same, keeping no process alive. */
export const backgroundTime: Time = {
  ...systemTime,
  after(ms, fn) {
    if (ms === Infinity) return () => undefined;
    const timer = setTimeout(fn, ms).unref();
    return () => clearTimeout(timer);
  },
};
