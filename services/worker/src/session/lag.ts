/**
 * Owns what becomes of messages for a reader that is not waited for: it lags, somebody else needs the
 * child, and the child is therefore read on (patience.ts). Pure.
 *
 * Invariants: what is not sent of such a stream may fill a journal, and until then nothing is lost; beyond that a log
 * message is dropped, progress takes the place of the unsent progress of its call before it, and everything else is
 * kept. That is bounded too: `HARD` bytes beyond a journal the reader is to be let go.
 */
import type { Journal, JournalLimits } from './journal.ts';

/** What a message is that may be missed: a log message, or progress of the call of that number. */
export type Dispensable = 'log' | number;

/** Bytes. */
export const HARD = 4 * 1024 * 1024;

export class Lag {
  readonly #limits: JournalLimits;
  #since: number | undefined;
  #overtaken = false;
  #missed = 0;
  /** Position of the newest progress of each call, of what was added meanwhile. */
  readonly #progress = new Map<number, number>();

  constructor(limits: JournalLimits) {
    this.#limits = limits;
  }

  /** Its reader does not keep up: since when, `now` at the latest. */
  begin(now: number): number {
    this.#since ??= now;
    return this.#since;
  }

  /** It has caught up, or is gone. */
  end(): void {
    this.#since = undefined;
    this.#overtaken = false;
    this.#progress.clear();
  }

  /** It is not waited for until it has caught up. */
  overtake(): void {
    this.#overtaken = true;
  }

  get overtaken(): boolean {
    return this.#overtaken;
  }

  /** More waits for it than may. */
  overfull(journal: Journal): boolean {
    return this.#overtaken && journal.bytes > this.#limits.bytes + HARD;
  }

  /** Messages that were not kept, since this was last asked. */
  takeMissed(): number {
    const missed = this.#missed;
    this.#missed = 0;
    return missed;
  }

  /** Whether a message is not to be added to the journal: it is dropped, or stands there in the place of another. */
  gaveWay(journal: Journal, sent: number, bytes: Buffer, dispensable: Dispensable | undefined): boolean {
    if (!this.#overtaken || dispensable === undefined) return false;
    // What was sent is trimmed first, so that a journal beyond its bytes holds nothing else than what was not.
    const full = journal.newest - sent >= this.#limits.frames || journal.bytes > this.#limits.bytes;
    const older = dispensable === 'log' ? 0 : (this.#progress.get(dispensable) ?? 0);
    if (!full || (dispensable !== 'log' && older <= sent)) {
      if (dispensable !== 'log') this.#progress.set(dispensable, journal.newest + 1);
      return false;
    }
    this.#missed += 1;
    if (older > 0) journal.replace(older, bytes);
    return true;
  }
}
