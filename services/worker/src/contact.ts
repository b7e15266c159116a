/**
 * Owns the question for how long this worker may not have been found on the bus. A connection that falls silent is given up
 * after 10 s and more, and is then back within a moment: what counts is when something last came in, not when it was given up.
 *
 * Invariant: never less than it was; nobody may have sent anything meanwhile.
 */
export class Contact {
  readonly #now: () => number;
  #heard: number;
  /** When something last came before the connection was given up. */
  #lost: number | undefined;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#heard = now();
  }

  /** There is no connection at this moment. */
  get away(): boolean {
    return this.#lost !== undefined;
  }

  /** Something has come in. */
  heard(): void {
    this.#heard = this.#now();
  }

  lost(): void {
    this.#lost ??= this.#heard;
  }

  /** The connection is there again; returns for how many milliseconds this worker may not have been found. */
  back(): number {
    const gone = this.#lost === undefined ? 0 : this.#now() - this.#lost;
    this.#lost = undefined;
    this.heard();
    return gone;
  }
}
