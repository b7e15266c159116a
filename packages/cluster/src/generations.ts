/**
 * Owns finding out that the session records were lost or set back: an operator who empties their store, or restores an
 * older copy of it, tells nobody. Beside the records stands a mark that is counted on every few seconds; whoever has
 * seen a higher count than he finds, or the same one written twice, knows that what he finds is not what was, and
 * begins another generation. A record says under which one it was written.
 *
 * Invariants: a generation begins by a compare-and-swap on the mark that gave rise to it, so a stale answer begins none
 * and of several who notice one does; one look is under way at a time, so answers are judged in their order.
 */

import { CausewayError } from '@causeway/protocol';

/** Others may be faster so many times. */
const ATTEMPTS = 8;

/** One life of the records. */
export interface Generation {
  readonly id: string;
  /** Of the mark, when this was told. */
  readonly count: number;
  /** Of the mark then: what stands behind it may be of a generation that is not known here yet, and is not removed as a former one's. */
  readonly revision: number;
  /** When it was first seen here. */
  readonly since: number;
  /** It was begun here. */
  readonly ours: boolean;
}

/** Milliseconds in which every worker that lives has written what it owns under a new generation: a look is taken every 5 s. */
export const SETTLED = 15_000;

export interface FoundMark {
  readonly text: string;
  readonly revision: number;
}

/** Both reject with CausewayError `cluster.unavailable`. */
export interface MarkStore {
  read(): Promise<FoundMark | undefined>;
  /** Writes where `revision` still stands (0: nothing does); resolves with the new one, or `undefined` if it does not. */
  write(text: string, revision: number): Promise<number | undefined>;
}

export interface GenerationsOptions {
  readonly store: MarkStore;
  /** The highest count that others are known to have seen. */
  readonly floor: () => number;
  readonly now: () => number;
  /** A name that nobody else gives. */
  readonly newId: () => string;
}

interface Mark {
  readonly count: number;
  readonly id: string;
  readonly revision: number;
}

export class Generations {
  readonly #options: GenerationsOptions;
  #known: Mark | undefined;
  #present: Generation | undefined;
  /** The name that was last given here, whether or not that was heard. */
  #given: string | undefined;
  /** The count at the last turn that counted on. */
  #counted = 0;
  /** The highest revision of what was written here in this generation. */
  #newest = 0;
  #turn: Promise<unknown> = Promise.resolve();
  /** Turns that have not begun: whoever asks meanwhile shares them. */
  #next: Promise<Generation> | undefined;
  #asked: Promise<boolean> | undefined;

  constructor(options: GenerationsOptions) {
    this.#options = options;
  }

  /** As last seen. */
  get present(): Generation | undefined {
    return this.#present;
  }

  /** As it is now: what is known before this is called is not relied on. */
  look(): Promise<Generation> {
    this.#next ??= this.#inTurn(() => {
      this.#next = undefined;
      return this.#look();
    });
    return this.#next;
  }

  /** The same, and counts on, unless somebody else has since the last time. */
  count(): Promise<Generation> {
    return this.#inTurn(async () => {
      // What stood before the look was sent: what is written after the look stands behind it, also if an earlier try does it.
      const stood = this.#newest;
      let present = await this.#look();
      const { count, id, revision } = this.#known!;
      const newest = Math.min(stood, this.#newest);
      if (count === this.#counted || newest > revision) {
        await this.#write({ count: count + 1, id }, revision);
        const written = this.#known!.revision;
        // Positions go back with the store alone: what was lost was written since the last count.
        if (written !== revision && written <= newest) present = (await this.#begin(written)) ?? (await this.#look());
      }
      this.#counted = this.#known!.count;
      return { ...present, count: this.#counted, revision: this.#known!.revision };
    });
  }

  /** Something was written here and stands at that revision. */
  wrote(revision: number): void {
    this.#newest = Math.max(this.#newest, revision);
  }

  /**
   * Whether what is missing now may be written again by its owner: another generation has begun a moment ago, or is about
   * to. Writes nothing. One that is seen for the first time has just begun.
   */
  unsettled(): Promise<boolean> {
    this.#asked ??= this.#inTurn(async () => {
      this.#asked = undefined;
      const found = await this.#options.store.read();
      const mark = found && read(found);
      if (mark === undefined || !this.#follows(mark)) return true;
      const { since } = this.#adopt(mark);
      return this.#options.now() - since < SETTLED;
    });
    return this.#asked;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #look(): Promise<Generation> {
    const { store } = this.#options;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const found = await store.read();
      const mark = found && read(found);
      if (mark !== undefined && this.#follows(mark)) return this.#adopt(mark);
      const begun = await this.#begin(found?.revision ?? 0, mark?.count);
      if (begun !== undefined) return begun;
    }
    throw new CausewayError('cluster.unavailable');
  }

  /** Begins another generation in the place of that revision; `undefined`: another was faster. */
  async #begin(before: number, count = 0): Promise<Generation | undefined> {
    const { newId, floor } = this.#options;
    const id = newId();
    this.#given = id;
    await this.#write({ count: Math.max(this.#known?.count ?? 0, count, floor()) + 1, id }, before);
    return this.#known?.id === id ? this.#adopt(this.#known) : undefined;
  }

  /** Whether it is the mark that was seen before, or one that was written later. */
  #follows(mark: Mark): boolean {
    const known = this.#known;
    if (mark.count < this.#options.floor()) return false;
    if (known === undefined || mark.count > known.count) return true;
    return mark.count === known.count && mark.id === known.id && mark.revision === known.revision;
  }

  /** If another was faster, what it wrote is for the next look. */
  async #write(mark: Omit<Mark, 'revision'>, before: number): Promise<void> {
    const revision = await this.#options.store.write(JSON.stringify(mark), before);
    if (revision !== undefined) this.#known = { ...mark, revision };
  }

  #adopt(mark: Mark): Generation {
    this.#known = mark;
    const { id, count, revision } = mark;
    const same = this.#present?.id === id;
    const since = same ? this.#present!.since : this.#options.now();
    // The store may be another one.
    if (!same) this.#newest = 0;
    return (this.#present = { id, count, revision, since, ours: id === this.#given });
  }
}

/** A mark that nobody can read is none. */
function read({ text, revision }: FoundMark): Mark | undefined {
  try {
    const { count, id } = JSON.parse(text) as Partial<Mark>;
    return typeof count === 'number' && typeof id === 'string' ? { count, id, revision } : undefined;
  } catch {
    return undefined;
  }
}
