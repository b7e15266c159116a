/**
 * Owns deadlines in tests: nothing in the outer suite waits for a peer without one, and a missed one says
 * what was waited for. Leaves the events themselves to the callers.
 */

/** The promise's outcome, or an error naming `what` after `ms` milliseconds. The timer never outlives the wait. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until there is an answer: for what only answers when it is asked. Rejects after `ms`, naming `what`. */
export async function until<T>(ms: number, what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (const end = performance.now() + ms; performance.now() < end; await new Promise((resolve) => setTimeout(resolve, 25))) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`not within ${ms} ms: ${what}`);
}

/** Milliseconds that `work` took, and its outcome. */
export async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const began = performance.now();
  const value = await work();
  return { ms: performance.now() - began, value };
}

/**
 * The least of up to five measurements in milliseconds, fewer if one is below `bound`: what else a machine does can
 * only add to what a thing takes by itself.
 */
export async function quickest(bound: number, measure: () => Promise<number>): Promise<number> {
  let least = Infinity;
  for (let turn = 0; turn < 5 && least >= bound; turn++) least = Math.min(least, await measure());
  return least;
}

/** A list that grows and can be awaited: resolves once an item satisfies `test`, past items included. */
export class Inbox<T> {
  readonly items: T[] = [];
  readonly #waiting = new Set<{
    readonly test: (item: T) => boolean;
    readonly resolve: (item: T) => void;
    readonly reject: (why: Error) => void;
  }>();
  #closed: string | undefined;

  push(item: T): void {
    this.items.push(item);
    for (const waiter of this.#waiting) {
      if (!waiter.test(item)) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(item);
    }
  }

  /** Nothing more will come: whoever waits, now or later, is told at once. */
  close(why: string): void {
    this.#closed = why;
    for (const waiter of this.#waiting) waiter.reject(new Error(why));
  }

  /** Rejects after `ms` milliseconds, or when the inbox is closed, with `what` and the last items seen. */
  async next(what: string, test: (item: T) => boolean, ms = 10_000): Promise<T> {
    const seen = this.items.find(test);
    if (seen !== undefined) return seen;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiter = { test, resolve, reject };
    this.#waiting.add(waiter);
    if (this.#closed !== undefined) reject(new Error(this.#closed));
    try {
      return await within(ms, what, promise);
    } catch (error) {
      const tail = JSON.stringify(this.items.slice(-5))?.slice(0, 2_000);
      throw new Error(`waiting for ${what}: ${(error as Error).message}; last of ${this.items.length}: ${tail}`, { cause: error });
    } finally {
      this.#waiting.delete(waiter);
    }
  }
}
