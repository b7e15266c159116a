/**
 * Owns how far a stream was sent under earlier attachments than the present one. Pure.
 *
 * Invariants: what an earlier attachment may have brought to the client stays given, whatever becomes of what a later one
 * sends again: that a repeat reached nobody says nothing of the first time. Only the reader's own word takes it back.
 */
export class Earlier {
  /** Positions up to which it was sent: to anybody, and to others than the present reader. */
  #given = 0;
  #elsewhere = 0;

  get given(): number {
    return this.#given;
  }

  /** An attachment is over, and `given` the position up to which somebody may have it by now. `same`: its reader is the next one's too. */
  add(given: number, same: boolean): void {
    this.#given = given;
    if (!same) this.#elsewhere = given;
  }

  /** The present reader has heard it up to `heard`, and will not hear more. Returns the position up to which somebody may have it. */
  settle(heard: number): number {
    this.#given = Math.max(heard, this.#elsewhere);
    return this.#given;
  }
}
