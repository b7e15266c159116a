/**
 * Owns the messages of a client that wait until their session may be touched: while it is taken over, while its
 * worker's lease is in doubt, while it is given up.
 *
 * Invariants: the reasons to wait are a set; messages are let through in their order, or refused, each once; their
 * number is bounded, and how long each waits: whoever sent it would have given up.
 */
import { CausewayError } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';

/** `taking_over`: the child is not there yet. `lease`: there is none, or not for it yet. `doubt`: whether it is good is not known. `giving_up`: calls are finished first. */
export type HoldReason = 'taking_over' | 'lease' | 'doubt' | 'giving_up';

export interface Held {
  readonly bytes: number;
  readonly pass: () => void;
  /** `late`: the session is still here, but could not be touched in time; otherwise it has ended. */
  readonly refuse: (late?: CausewayError) => void;
}

const MOST = 256;
const MOST_BYTES = 16 * 1024 * 1024;

export class Hold {
  readonly #wheel: Wheel;
  readonly #patience: number;
  readonly #reasons = new Set<HoldReason>();
  readonly #waiting = new Map<Held, () => void>();
  #bytes = 0;

  /** `patience`: milliseconds that a message may wait. */
  constructor(wheel: Wheel, patience: number) {
    this.#wheel = wheel;
    this.#patience = patience;
  }

  /** Whether a message of this kind need not wait. While calls are finished, what finishes them gets through. */
  passes(kind: 'request' | 'notification' | 'response'): boolean {
    if (this.#reasons.size === 0) return true;
    return kind !== 'request' && this.#reasons.size === 1 && this.#reasons.has('giving_up');
  }

  has(reason: HoldReason): boolean {
    return this.#reasons.has(reason);
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
    const full = this.#waiting.size >= MOST || (this.#bytes > 0 && this.#bytes + message.bytes > MOST_BYTES);
    if (full) return false;
    this.#bytes += message.bytes;
    const late = (): void => {
      this.#drop(message);
      message.refuse(new CausewayError('cluster.owner_silent', { retryAfter: 2 }));
    };
    this.#waiting.set(message, this.#wheel.after(this.#patience, late));
    return true;
  }

  /** Nothing is let through any more. */
  refuse(): void {
    for (const { refuse } of this.#take()) refuse();
  }

  #take(): readonly Held[] {
    const waiting = [...this.#waiting.keys()];
    for (const message of waiting) this.#drop(message);
    return waiting;
  }

  #drop(message: Held): void {
    this.#waiting.get(message)?.();
    this.#waiting.delete(message);
    this.#bytes -= message.bytes;
  }
}
