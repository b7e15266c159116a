/**
 * Owns a session's record while the session is here: written when it opens or is taken over, changed, removed at its
 * end, written again when the store lost it.
 *
 * Invariants: every write is a compare-and-swap on the revision that this owner wrote last; one that fails because
 * somebody else wrote means that the session is no longer ours, and is told once; one write is in flight at most.
 */
import type { RecordsExtent, SessionRecord, SessionRecords, StoredSession } from '@causeway/cluster';
import { CausewayError, type SessionToken, type WorkerId } from '@causeway/protocol';

const LOOKS = 4;

export class Ownership {
  readonly #records: SessionRecords;
  readonly #token: SessionToken;
  readonly #moved: () => void;
  #stored: StoredSession | undefined;
  #attempted: SessionRecord | undefined;
  #writing: Promise<void> = Promise.resolve();
  #over = false;
  #taken = false;
  /** It was written again: a later owner, if there is one, puts it right within so many looks. */
  #looks = 0;

  /** `moved`: somebody else owns the session. */
  constructor(records: SessionRecords, token: SessionToken, moved: () => void) {
    this.#records = records;
    this.#token = token;
    this.#moved = moved;
  }

  get record(): SessionRecord | undefined {
    return this.#stored?.record;
  }

  /** At its end the session was found to be somebody else's. */
  get taken(): boolean {
    return this.#taken;
  }

  /** Rejects with CausewayError when the token is taken, or nothing can be written. */
  create(record: SessionRecord): Promise<void> {
    return this.#attempt(record, async () => {
      const revision = await this.#records.create(this.#token, record);
      if (revision === undefined) throw new CausewayError('internal', { message: 'The session id is taken.' });
      return revision;
    });
  }

  /** Makes `owner` the session's next owner. Rejects with `cluster.moved` when somebody else was faster. */
  take(stored: StoredSession, owner: WorkerId): Promise<void> {
    const record = { ...stored.record, owner, epoch: stored.record.epoch + 1 };
    return this.#attempt(record, async () => {
      const revision = await this.#records.replace(this.#token, record, stored.revision);
      if (revision === undefined) throw new CausewayError('cluster.moved', { retryAfter: 1 });
      return revision;
    });
  }

  /** The first write. Whatever is said of it, it may have been carried out: `remove` finds out. */
  async #attempt(record: SessionRecord, write: () => Promise<number>): Promise<void> {
    this.#attempted = record;
    const writing = write();
    this.#writing = writing.then(
      () => undefined,
      () => undefined,
    );
    this.#stored = { record, revision: await writing };
  }

  /** Writes what has changed, soon; what cannot be written now is written with the next change. */
  change(change: Partial<SessionRecord>): void {
    if (this.#stored === undefined) return;
    this.#stored = { ...this.#stored, record: { ...this.#stored.record, ...change } };
    this.#serially(async () => {
      const revision = await this.#records.replace(this.#token, this.#stored!.record, this.#stored!.revision);
      if (revision === undefined) await this.#look();
      else this.#stored = { ...this.#stored!, revision };
    });
  }

  /** Writes the record again if the store, which has `extent`, has lost it; `anew`: the store is another one. */
  keep({ first, last }: RecordsExtent, anew: boolean): void {
    const stored = this.#stored;
    // A position in the former store says nothing in this one, so what cannot be looked up now is looked up later.
    if (anew) this.#looks = LOOKS;
    if (stored === undefined || (this.#looks === 0 && stored.revision >= first && stored.revision <= last)) return;
    this.#serially(async () => {
      await this.#look();
      this.#looks = Math.max(0, this.#looks - 1);
    });
  }

  /**
   * Whether the session is still ours after we had no lease, as the store says; then its record is written again, so
   * that whoever has read it to take the session over comes too late. Rejects with `cluster.unavailable`.
   */
  async confirm(): Promise<boolean> {
    await this.#writing;
    const mine = this.#stored;
    if (mine === undefined || this.#over) return !this.#over;
    const revision = await this.#records.replace(this.#token, mine.record, mine.revision);
    if (revision !== undefined) {
      this.#stored = { ...mine, revision };
      return true;
    }
    await this.#look();
    return !this.#over && this.confirm();
  }

  /** Removes the record if it is ours; what stands there of another owner stays. Rejects with `cluster.unavailable`. */
  async remove(): Promise<void> {
    this.#over = true;
    await this.#writing;
    const mine = this.#stored?.record ?? this.#attempted;
    if (mine === undefined) return;
    if (this.#stored !== undefined && (await this.#records.delete(this.#token, this.#stored.revision))) return;
    const found = await this.#records.get(this.#token);
    if (found === undefined) return;
    // A former owner that wrote its own when all records were lost has nothing to keep either.
    const ours = isSame(found.record, mine) || found.record.epoch < mine.epoch;
    if (ours) await this.#records.delete(this.#token, found.revision);
    else this.#taken = true;
  }

  /** The record is somebody else's business from now on. */
  leave(): void {
    this.#over = true;
  }

  /** Finds out what stands there: ours, somebody else's, or nothing, which is mended. */
  async #look(): Promise<void> {
    const mine = this.#stored;
    if (mine === undefined) return;
    const found = await this.#records.get(this.#token);
    if (found !== undefined && isSame(found.record, mine.record)) {
      this.#stored = { record: mine.record, revision: found.revision };
    } else if (found !== undefined && found.record.epoch < mine.record.epoch) {
      // A former owner, who could not know of us, wrote its own when all records were lost.
      const revision = await this.#records.replace(this.#token, mine.record, found.revision);
      if (revision !== undefined) this.#stored = { ...mine, revision };
    } else if (found !== undefined || (await this.#records.wasRemoved(this.#token))) {
      this.leave();
      this.#moved();
    } else {
      const revision = await this.#records.create(this.#token, mine.record);
      if (revision !== undefined) this.#stored = { ...mine, revision };
      this.#looks = LOOKS;
    }
  }

  #serially(write: () => Promise<void>): void {
    this.#writing = this.#writing
      .then(() => (this.#over ? undefined : write()))
      // The store is out of reach: what is due is written with the next change, or found missing by the next look.
      .catch(() => undefined);
  }
}

/** Whether both are of the same owner. */
function isSame(one: SessionRecord, other: SessionRecord): boolean {
  return one.owner === other.owner && one.epoch === other.epoch;
}
