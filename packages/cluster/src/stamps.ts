/**
 * Owns how old a message is that bears a stamp: the place in the log of its receiver's record, as its sender had seen it.
 * Whoever wrote the record knows when it was replaced by the next, so no two clocks are compared. Pure.
 *
 * Invariants: an age is never more than the message's own, but for what a record needs to be seen; it falls short by one
 * heartbeat and `APART` at most; while records cannot be written nothing grows old.
 */

/** Milliseconds between two records that are told apart. */
const APART = 250;
/** Records that are told apart: with the heartbeat of a lease for a minute and more. */
const MOST = 128;

interface Written {
  readonly sequence: number;
  readonly at: number;
}

export class Stamps {
  #written: Written[] = [];

  /** The record was seen to stand at `sequence`, at the monotonic time `now`. */
  note(sequence: number, now: number): void {
    const last = this.#written.at(-1);
    // Another log begins anew.
    if (last !== undefined && sequence < last.sequence) this.#written = [];
    else if (last !== undefined && now - last.at < APART) return;
    if (this.#written.push({ sequence, at: now }) > MOST) this.#written.shift();
  }

  /** Milliseconds that a message with this stamp has been on its way at least. */
  age(stamp: number, now: number): number {
    const { length } = this.#written;
    if (length === 0 || stamp >= this.#written[length - 1]!.sequence) return 0;
    const next = this.#written.find(({ sequence }) => sequence > stamp)!;
    return now - next.at;
  }
}
