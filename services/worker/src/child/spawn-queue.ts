/**
 * Owns the pace of starts. Every start stops the event loop for the time of a fork, so few run at once and
 * the loop turns between two of them.
 *
 * Invariants: at most `concurrency` tasks run; at most `waiting` wait, in order of arrival; one more is
 * refused at once with `limit.worker`; a task whose signal aborts while it waits never runs.
 */
import { CausewayError } from '@causeway/protocol';

export interface SpawnQueueOptions {
  /** Tasks that run at once; twice the number of cores is a good value. */
  readonly concurrency: number;
  /** Tasks that may wait. */
  readonly waiting: number;
  /** In [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

export interface SpawnQueue {
  /**
   * The outcome of the task once its turn has come. Throws `limit.worker` with a `retryAfter` of 1 to 5 s when the
   * queue is full, and the signal's reason; a task that runs is not stopped by the signal.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  readonly running: number;
  readonly waiting: number;
}

export function openSpawnQueue(options: SpawnQueueOptions): SpawnQueue {
  return new Queue(options);
}

class Queue implements SpawnQueue {
  readonly #options: SpawnQueueOptions;
  /** Those that wait, in order: each is called when its turn has come. */
  readonly #line = new Set<() => void>();
  #running = 0;
  #turning = false;

  constructor(options: SpawnQueueOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#line.size;
  }

  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const { concurrency, waiting, random = Math.random } = this.#options;
    const places = Math.max(0, concurrency - this.#running) + waiting;
    if (this.#line.size >= places) throw new CausewayError('limit.worker', { retryAfter: 1 + Math.floor(random() * 5) });
    await this.#turn(signal);
    try {
      return await task();
    } finally {
      this.#running -= 1;
      this.#advance();
    }
  }

  /** Resolves with one of the running places taken. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const start = (): void => {
      signal?.removeEventListener('abort', leave);
      resolve();
    };
    const leave = (): void => {
      this.#line.delete(start);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', leave, { once: true });
    this.#line.add(start);
    this.#advance();
    return promise;
  }

  /** Lets one in for each turn of the event loop. */
  #advance(): void {
    if (this.#turning || this.#line.size === 0 || this.#running >= this.#options.concurrency) return;
    this.#turning = true;
    setImmediate(() => {
      this.#turning = false;
      const [first] = this.#line;
      if (first !== undefined && this.#running < this.#options.concurrency) {
        this.#line.delete(first);
        this.#running += 1;
        first();
      }
      this.#advance();
    });
  }
}
