/**
 * Owns the watch over the session records as a whole: an operator who empties, removes or sets back the store tells
 * nobody. Each worker looks every few seconds at the records' generation, not at the records; when another one has begun it
 * writes those of its own sessions again. What nobody has written again by the time that all could have is removed by the
 * worker that began the generation. Records of ended sessions that could not be removed are removed as soon as the store
 * is there.
 */
import { SETTLED, type Generation, type SessionRecords } from '@causeway/cluster';
import type { Log, Wheel } from '@causeway/runtime';
import type { Ownership } from './session/ownership.ts';
import type { Session } from './session/session.ts';

/** Milliseconds between two looks. */
const INTERVAL = 5_000;
/** Milliseconds after which records are written again: the store lets go what is a week old. */
const DAY = 24 * 3_600_000;
/** Records to be removed that are remembered; further ones go with their age. */
const MOST = 10_000;

export interface VigilDeps {
  readonly records: SessionRecords;
  /** As the worker began. */
  readonly seen: Generation;
  readonly wheel: Wheel;
  readonly now: () => number;
  /** What is held here is certainly nobody else's. */
  readonly certain: () => boolean;
  /** Told how far the mark of the records has been counted. */
  readonly marked: (count: number) => void;
  readonly log: Log;
  readonly sessions: () => Iterable<Session>;
}

export class Vigil implements Disposable {
  readonly #deps: VigilDeps;
  readonly #removing = new Map<Ownership, () => void>();
  #seen: Generation;
  /** The last one whose rest was removed. */
  #swept: string | undefined;
  #written: number;
  #cancel: () => void;
  #closed = false;

  constructor(deps: VigilDeps) {
    this.#deps = deps;
    this.#seen = deps.seen;
    this.#written = deps.now();
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
    const { records, wheel, now, sessions, log } = this.#deps;
    try {
      const generation = await records.tend();
      if (this.#seen.id !== generation.id) log.warn({}, 'the session records were lost or set back, writing ours again');
      this.#seen = generation;
      this.#deps.marked(generation.count);
      if (this.#deps.certain()) for (const session of sessions()) if (!session.waiting) session.ownership.keep();
      if (now() - this.#written >= DAY) this.#renew();
      for (const [ended, removed] of this.#removing) {
        await ended.remove();
        this.#removing.delete(ended);
        removed();
      }
      await this.#sweep(generation);
    } catch (error) {
      // Without the store there is nothing to look at.
      log.debug({ err: error }, 'session records not looked at');
    }
    if (!this.#closed) this.#cancel = wheel.after(INTERVAL, () => void this.#look());
  }

  #renew(): void {
    this.#written = this.#deps.now();
    for (const session of this.#deps.sessions()) session.ownership.change({});
  }

  async #sweep({ id, ours, since }: Generation): Promise<void> {
    const { now, records } = this.#deps;
    if (!ours || this.#swept === id || now() - since < SETTLED) return;
    await records.sweep();
    this.#swept = id;
  }
}
