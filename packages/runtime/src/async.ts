/**
 * Owns the wait that ends. Keeps: the timer that it starts is cleared when the wait is over. It leaves deadlines
 * by the thousand to `clock.ts`.
 */

/** The wait took longer than allowed. */
export class DeadlineError extends Error {
  /** Milliseconds that were allowed. */
  readonly ms: number;

  constructor(what: string, ms: number) {
    super(`${what} took longer than ${ms} ms`);
    this.name = 'DeadlineError';
    this.ms = ms;
  }
}

/**
 * The outcome of `work`, or a `DeadlineError` after `ms` milliseconds (at least 0), which names the wait `what`.
 * The work itself is not stopped, and its later failure is not reported as unhandled.
 */
export async function withDeadline<T>(work: Promise<T>, ms: number, what = 'the wait'): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new DeadlineError(what, ms)), Math.max(0, ms));
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
