/**
 * Owns the watch over the session records as a whole: an operator who empties, removes or sets back the store tells
 * nobody. Each worker looks at the store's extent, not at its records, and writes its own sessions again where they
 * are missing; records of ended sessions that could not be removed are removed as soon as the store is there.
 */
import type { RecordsExtent, SessionRecords } from '@causeway/cluster';
import type { Log, Wheel } from '@causeway/runtime';
import type { Ownership } from './session/ownership.ts';
import type { Session } from './session/session.ts';

/** Milliseconds between two looks. */
const INTERVAL = 5_000;
/** Records to be removed that are remembered; further ones go with their age. */
const MOST = 10_000;

export interface VigilDeps {
  readonly records: SessionRecords;
  readonly wheel: Wheel;
  readonly log: Log;
  readonly sessions: () => Iterable<Session>;
}

export class Vigil implements Disposable {
  readonly #deps: VigilDeps;
  readonly #removing = new Map<Ownership, () => void>();
  #seen: RecordsExtent | undefined;
  #cancel: () => void;
  #closed = false;

  constructor(deps: VigilDeps) {
    this.#deps = deps;
    this.#cancel = deps.wheel.after(INTERVAL, () => void this.#look());
  }

  /** The record of a session that has ended may still be there. Resolves when it is gone, or left to its age. */
  async removeLater(ended: Ownership): Promise<void> {
    if (this.#removing.size < MOST) await new Promise<void>((resolve) => this.#removing.set(ended, resolve));
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const { records, wheel, sessions, log } = this.#deps;
    try {
      const extent = await records.extent();
      // Before the first look the store may have been another one too.
      const anew = this.#seen?.made !== extent.made;
      if (anew && this.#seen !== undefined) log.warn({}, 'the session records were lost, writing ours again');
      this.#seen = extent;
      for (const session of sessions()) session.ownership.keep(extent, anew);
      for (const [ended, removed] of this.#removing) {
        await ended.remove();
        this.#removing.delete(ended);
        removed();
      }
    } catch (error) {
      // Without the store there is nothing to look at.
      log.debug({ err: error }, 'session records not looked at');
    }
    if (!this.#closed) this.#cancel = wheel.after(INTERVAL, () => void this.#look());
  }
}
