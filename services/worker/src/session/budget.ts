/**
 * Owns how much memory the journals of all sessions of a worker take together.
 *
 * Invariants: over the limit, what was written longest ago is given up first, each stream asked once until
 * it grows again; what is not sent yet is never given up, so a stream loses its past and never its present.
 */

import { Chain, type Link } from '@causeway/runtime';

/** What is booked for one stream; changed here alone. */
export class Account {
  bytes = 0;
  /** It may have something to give. */
  grown: Link<Kept> | undefined;
}

/** A stream as the budget sees it. */
export interface Kept {
  readonly account: Account;
  /** Gives up all of the past that it can, and charges what is left. */
  evict(): void;
}

export class JournalBudget {
  readonly #limit: number;
  /** Those that may have something to give, in the order of their last growth. */
  readonly #grown = new Chain<Kept>();
  #used = 0;
  #shrinking = false;

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** The journal of `stream` holds `bytes` now. */
  charge(stream: Kept, bytes: number): void {
    const { account } = stream;
    const before = account.bytes;
    if (bytes === before) return;
    this.#used += bytes - before;
    account.bytes = bytes;
    if (bytes > before || bytes === 0) this.#unlist(account);
    if (bytes > before) account.grown = this.#grown.add(stream);
    if (this.#used > this.#limit && !this.#shrinking) this.#shrink();
  }

  #unlist(account: Account): void {
    if (account.grown) this.#grown.remove(account.grown);
    account.grown = undefined;
  }

  #shrink(): void {
    this.#shrinking = true;
    for (let oldest = this.#grown.first; oldest && this.#used > this.#limit; oldest = this.#grown.first) {
      this.#unlist(oldest.value.account);
      oldest.value.evict();
    }
    this.#shrinking = false;
  }
}
