/**
 * Owns the requests that wait for a child: in their order, bounded in number, each for a bounded time.
 * Invariant: each is settled once, and whoever was refused is given nothing afterwards.
 */
import { CausewayError } from '@causeway/protocol';
import { Chain, type Link, type Wheel } from '@causeway/runtime';

/** Requests that may wait, and milliseconds that each may. */
const MOST = 1_024;
const PATIENCE = 30_000;

/** The table's text is of a server that does not read. */
const busy = (message: string): CausewayError => new CausewayError('server.busy', { message, retryAfter: 1 });

interface Waiter<W, T> {
  readonly wish: W;
  readonly give: (thing: T) => void;
  readonly refuse: (error: CausewayError) => void;
}

export class Waiting<W, T> {
  readonly #wheel: Wheel;
  readonly #waiters = new Chain<Waiter<W, T>>();

  constructor(wheel: Wheel) {
    this.#wheel = wheel;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** How many have such a wish. */
  count(test: (wish: W) => boolean): number {
    return [...this.#waiters].filter(({ wish }) => test(wish)).length;
  }

  /** Resolves with what is given. Rejects with CausewayError: `server.busy` when there are too many, or it took too long. `more`: milliseconds beside. */
  async add(wish: W, more = 0): Promise<T> {
    if (this.#waiters.size >= MOST) throw busy('Too many requests wait for a process of this MCP server.');
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const settle =
      <A>(end: (value: A) => void) =>
      (value: A): void => {
        cancel();
        if (this.#waiters.remove(link)) end(value);
      };
    const waiter: Waiter<W, T> = { wish, give: settle(resolve), refuse: settle(reject) };
    const cancel = this.#wheel.after(PATIENCE + more, () => waiter.refuse(busy('No process of this MCP server became free in time.')));
    const link: Link<Waiter<W, T>> = this.#waiters.add(waiter);
    return promise;
  }

  /** Offers to each in turn; `undefined`: there is nothing for that one. `more`: whether there may be for those behind it. */
  serve(offer: (wish: W) => T | undefined, more: () => boolean): void {
    for (const { wish, give } of this.#waiters) {
      const thing = offer(wish);
      if (thing !== undefined) give(thing);
      else if (!more()) return;
    }
  }

  /** Tells the one that has waited longest. */
  refuseFirst(error: CausewayError): void {
    this.#waiters.first?.value.refuse(error);
  }

  /** Tells those with such a wish; how many they were. */
  refuse(error: CausewayError, test: (wish: W) => boolean): number {
    const told = [...this.#waiters].filter(({ wish }) => test(wish));
    for (const { refuse } of told) refuse(error);
    return told.length;
  }
}
