/**
 * Owns the two shapes of waiting that the language lacks: a promise settled from outside, and a wait
 * that ends. Keeps: every timer that it starts is cleared when the wait is over. It leaves deadlines
 * by the thousand to `clock.ts`.
 */

export interface Deferred<T> {
  readonly promise: Promise<T>;
  /** Later calls of either are ignored. */
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

export function deferred<T = void>(): Deferred<T> {
  return Promise.withResolvers<T>();
}

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

export interface DeadlineOptions {
  /** Names the wait in the error. Default `the wait`. */
  readonly what?: string;
  /** Made when the time is up, in place of a `DeadlineError`. */
  readonly late?: () => Error;
  /** Ends the wait early with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * The outcome of `work`, or a rejection after `ms` milliseconds (at least 0; Infinity waits for good).
 * The work itself is not stopped, and its later failure is not reported as unhandled.
 */
export async function withDeadline<T>(work: Promise<T>, ms: number, options: DeadlineOptions = {}): Promise<T> {
  const { what = 'the wait', late, signal } = options;
  const over = deferred<never>();
  const abort = (): void => over.reject(signal?.reason);
  const timer = Number.isFinite(ms) ? setTimeout(() => over.reject(late?.() ?? new DeadlineError(what, ms)), Math.max(0, ms)) : undefined;
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, over.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
