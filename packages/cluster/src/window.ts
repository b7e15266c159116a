/**
 * Owns which part leaves next to one process, and how many are under way there: those of all large messages to it together,
 * since they fill one connection, and what a NATS server holds for a connection has an end. Pure.
 *
 * Invariants:
 *  1. No more than `size` parts are under way, and of no more than `size` messages have some left and some not; the others wait for
 *     their beginning in the order of coming. So each that has begun has its turn before `2 * size` parts of others have left.
 *  2. What has stalled, of which nothing was heard for more than one interval, takes nobody's room: its parts may be lost.
 */

/** A large message that is to leave in parts. */
export interface Transfer {
  /** Parts in all. */
  readonly count: number;
  /** The one that leaves next. */
  readonly next: number;
  readonly acknowledged: number;
  /** Intervals with parts under way and without progress. */
  readonly quiet: number;
}

const stalled = ({ quiet }: Transfer): boolean => quiet > 1;

export class Window<T extends Transfer> {
  readonly #size: number;
  /** Of which no part has left. */
  readonly #waiting: T[] = [];
  /** Until they end, in the order of their turns. */
  readonly #begun: T[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  get empty(): boolean {
    return this.#waiting.length === 0 && this.#begun.length === 0;
  }

  add(transfer: T): void {
    this.#waiting.push(transfer);
  }

  /** The one whose next part leaves now; `undefined`: there is none, or no room. */
  take(): T | undefined {
    let underWay = 0;
    let unfinished = 0;
    let first: T | undefined;
    for (const transfer of this.#begun) {
      if (stalled(transfer)) continue;
      underWay += transfer.next - transfer.acknowledged;
      if (transfer.next === transfer.count) continue;
      unfinished += 1;
      first ??= transfer;
    }
    if (underWay >= this.#size) return undefined;
    const fresh = unfinished < this.#size ? this.#waiting.shift() : undefined;
    const taken = fresh ?? first;
    if (taken === undefined) return undefined;
    remove(this.#begun, taken);
    this.#begun.push(taken);
    return taken;
  }

  /** It has ended, whatever its state. */
  remove(transfer: T): void {
    remove(this.#begun, transfer);
    remove(this.#waiting, transfer);
  }
}

function remove<T>(list: T[], one: T): void {
  const at = list.indexOf(one);
  if (at >= 0) list.splice(at, 1);
}
