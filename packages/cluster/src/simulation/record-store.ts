/** Owns what the store of the simulated session records keeps: the values, the marks of what was removed, and copies of both. */
import type { SessionToken } from '@causeway/protocol';
import type { FoundMark } from '../generations.ts';
import type { SessionRecord } from '../sessions.ts';

interface Kept {
  readonly text: string;
  readonly revision: number;
}

/** What there is to read. */
export interface Found {
  readonly kept: ReadonlyMap<SessionToken, Kept>;
  readonly removed: ReadonlyMap<SessionToken, number>;
  readonly mark: FoundMark | undefined;
}

/** What an operator may keep, and put back. */
export interface RecordsCopy extends Found {
  readonly last: number;
}

/** The store: one value for each key, and marks of what was removed. */
export class RecordStore {
  kept = new Map<SessionToken, Kept>();
  removed = new Map<SessionToken, number>();
  mark: FoundMark | undefined;
  /** Told of every record that is written. */
  written: (token: SessionToken, record: SessionRecord) => void = () => undefined;
  #last = 0;

  put(token: SessionToken, text: string): number {
    this.removed.delete(token);
    this.kept.set(token, { text, revision: this.next() });
    this.written(token, JSON.parse(text) as SessionRecord);
    return this.#last;
  }

  remove(token: SessionToken): void {
    this.kept.delete(token);
    this.removed.set(token, this.next());
  }

  get(token: SessionToken): SessionRecord | undefined {
    const held = this.kept.get(token);
    return held && (JSON.parse(held.text) as SessionRecord);
  }

  next(): number {
    return (this.#last += 1);
  }

  /** An operator empties the store, or removes it and has it made anew. */
  wipe(anew: boolean): void {
    this.kept.clear();
    this.removed.clear();
    this.mark = undefined;
    if (anew) this.#last = 0;
  }

  copy(): RecordsCopy {
    const { kept, removed, mark } = this;
    return { kept: new Map(kept), removed: new Map(removed), mark, last: this.#last };
  }

  /** An operator puts a copy back: as the store was, or, `keys`, by writing each value again into an emptied one. */
  setBack({ kept, removed, mark, last }: RecordsCopy, how: 'whole' | 'keys'): void {
    const again = <T extends { readonly revision: number }>(one: T): T => (how === 'whole' ? one : { ...one, revision: this.next() });
    this.kept = new Map([...kept].map(([token, one]) => [token, again(one)]));
    this.removed = how === 'whole' ? new Map(removed) : new Map();
    this.mark = mark && again(mark);
    if (how === 'whole') this.#last = last;
  }
}
