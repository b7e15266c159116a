/**
 * Owns the messages of a client that wait until their session may be touched: while it is taken over, while its
 * worker's lease is in doubt, while it is given up.
 *
 * Invariants: the reasons to wait are a set; messages are let through in their order, or refused, each once; their
 * number is bounded. Pure.
 */

/** `taking_over`: the child is not there yet. `lease`: whether it may be touched is not known. `giving_up`: calls are finished first. */
export type HoldReason = 'taking_over' | 'lease' | 'giving_up';

export interface Held {
  readonly bytes: number;
  readonly pass: () => void;
  readonly refuse: () => void;
}

const MOST = 256;
const MOST_BYTES = 16 * 1024 * 1024;

export class Hold {
  readonly #reasons = new Set<HoldReason>();
  #waiting: Held[] = [];
  #bytes = 0;

  /** Whether a message of this kind need not wait. While calls are finished, what finishes them gets through. */
  passes(kind: 'request' | 'notification' | 'response'): boolean {
    if (this.#reasons.size === 0) return true;
    return kind !== 'request' && this.#reasons.size === 1 && this.#reasons.has('giving_up');
  }

  begin(reason: HoldReason): void {
    this.#reasons.add(reason);
  }

  /** Lets everything through once no reason is left. */
  end(reason: HoldReason): void {
    if (!this.#reasons.delete(reason) || this.#reasons.size > 0) return;
    for (const { pass } of this.#take()) pass();
  }

  /** `false`: too many wait. */
  add(message: Held): boolean {
    const full = this.#waiting.length >= MOST || (this.#bytes > 0 && this.#bytes + message.bytes > MOST_BYTES);
    if (full) return false;
    this.#bytes += message.bytes;
    this.#waiting.push(message);
    return true;
  }

  /** Nothing is let through any more. */
  refuse(): void {
    for (const { refuse } of this.#take()) refuse();
  }

  #take(): readonly Held[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return waiting;
  }
}
