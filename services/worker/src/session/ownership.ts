/**
 * Owns a session's record while the session is here: written when it opens or is taken over, changed, removed at its
 * end, written again when the store lost it, or was set back.
 *
 * Invariants: every write is a compare-and-swap on the revision that this owner wrote last; one that fails because
 * somebody else wrote means that the session is no longer ours, and is told once; one write is in flight at most.
 */
import { isFormer, type SessionRecord, type SessionRecords, type StoredSession } from '@causeway/cluster';
import { CausewayError, type SessionToken, type WorkerId } from '@causeway/protocol';

const LOOKS = 4;

export class Ownership {
  readonly #records: SessionRecords;
  readonly #token: SessionToken;
  readonly #moved: () => void;
  /** Another owner's record, that is to be taken. */
  #claimed: StoredSession | undefined;
  #stored: StoredSession | undefined;
  #attempted: SessionRecord | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** A write waits for its turn: it takes what has changed by then. */
  #due = false;
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
  create(first: SessionRecord): Promise<void> {
    const record = this.#present(first);
    return this.#attempt(record, async () => {
      const revision = await this.#records.create(this.#token, record);
      if (revision === undefined) throw new CausewayError('internal', { message: 'The session id is taken.' });
      return revision;
    });
  }

  /** Somebody else's record, which is about to be taken. */
  claim(stored: StoredSession): void {
    this.#claimed = stored;
  }

  /** The record is still the former owner's. */
  get claiming(): boolean {
    return this.#claimed !== undefined && this.#attempted === undefined;
  }

  /** Makes `owner` the session's next owner. Rejects with `cluster.moved` when somebody else was faster. */
  take(stored: StoredSession, owner: WorkerId): Promise<void> {
    const record = this.#present({ ...stored.record, owner, epoch: stored.record.epoch + 1 });
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
    if (this.#due) return;
    this.#due = true;
    this.#serially(async () => {
      this.#due = false;
      if (!(await this.#write(this.#stored!.revision))) await this.#look();
    });
  }

  /** Another generation of records has begun: the record is written again under it, and looked after for a while. */
  keep(): void {
    const stored = this.#stored;
    if (stored === undefined) return;
    // Whoever has set the store back may not have come to its end yet.
    if (isFormer(stored.record, this.#records.generation)) this.#looks = LOOKS;
    if (this.#looks === 0) return;
    this.#serially(async () => {
      await this.#look();
      this.#looks = Math.max(0, this.#looks - 1);
    });
  }

  /**
   * Whether the session is still ours after we had no lease, as the store says; then its record is written again, so
   * that whoever has read it to take the session over comes too late. A store that was lost or set back meanwhile cannot
   * say so: another owner may have had the session, and ended it. Rejects with `cluster.unavailable`.
   */
  async confirm(): Promise<boolean> {
    await this.#writing;
    const mine = this.#stored;
    if (mine === undefined || this.#over) return !this.#over;
    const found = await this.#records.get(this.#token);
    const { id } = await this.#records.look();
    const ours = found !== undefined && isSame(found.record, mine.record) && !isFormer(found.record, id);
    if (ours && (await this.#write(found.revision))) return true;
    if (ours) return this.confirm();
    this.leave();
    return false;
  }

  /** Removes the record if it is ours, or still as it was claimed; what stands there of another owner stays. Rejects with `cluster.unavailable`. */
  async remove(): Promise<void> {
    this.#over = true;
    await this.#writing;
    const known = this.#stored ?? (this.claiming ? this.#claimed : undefined);
    const mine = known?.record ?? this.#attempted;
    if (mine === undefined) return;
    // The very first write may be carried out yet, if nothing was heard of it: what is marked as removed it does not bring back.
    const revision = known?.revision ?? (mine.epoch === 1 ? 0 : undefined);
    if (revision !== undefined && (await this.#records.delete(this.#token, revision))) return;
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
      // What stands there may be older than what was said since.
      if (found.revision !== mine.revision || isFormer(found.record, this.#records.generation)) await this.#write(found.revision);
    } else if (found !== undefined && found.record.epoch < mine.record.epoch) {
      // A former owner, who could not know of us, wrote its own when all records were lost, or the store was set back.
      await this.#write(found.revision);
    } else if (found !== undefined || (await this.#records.wasRemoved(this.#token))) {
      this.leave();
      this.#moved();
    } else {
      const record = this.#present(mine.record);
      const revision = await this.#records.create(this.#token, record);
      if (revision !== undefined) this.#stored = { record, revision };
      this.#looks = LOOKS;
    }
  }

  /** Writes the record in the place of that revision; `false`: something else stands there. */
  async #write(over: number): Promise<boolean> {
    const record = this.#present(this.#stored!.record);
    const revision = await this.#records.replace(this.#token, record, over);
    if (revision === undefined) return false;
    // It may have changed meanwhile, which is written next.
    this.#stored = { record: { ...this.#stored!.record, ...generationOf(record) }, revision };
    return true;
  }

  /** As it is written now. */
  #present(record: SessionRecord): SessionRecord {
    const { generation } = this.#records;
    return generation === undefined ? record : { ...record, generation };
  }

  #serially(write: () => Promise<void>): void {
    this.#writing = this.#writing
      .then(() => (this.#over ? undefined : write()))
      // The store is out of reach: what is due is written with the next change, or found missing by the next look.
      .catch(() => undefined);
  }
}

const generationOf = ({ generation }: SessionRecord): Pick<SessionRecord, 'generation'> => (generation === undefined ? {} : { generation });

/** Whether both are of the same owner. */
function isSame(one: SessionRecord, other: SessionRecord): boolean {
  return one.owner === other.owner && one.epoch === other.epoch;
}
