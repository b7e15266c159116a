/**
 * Owns simulated session records: what `nats/sessions.ts` makes of a store whose answers are late, lost or refused. An
 * operation is tried again until its deadline; one whose outcome is unknown is looked up before it is called a loss.
 */
import { CausewayError, type SessionToken } from '@causeway/protocol';
import type { RecordsExtent, SessionRecord, SessionRecords, StoredSession } from '../sessions.ts';
import type { Member } from './member.ts';
import type { World } from './world.ts';

/** Milliseconds for one operation and for one attempt, and that a lost connection may take to return. */
const DEADLINE = 12_000;
const ATTEMPT = 1_000;
const RECONNECT = 2_000;

interface Kept {
  readonly text: string;
  readonly revision: number;
}

/** The store: one value for each key, and marks of what was removed. */
export class RecordStore {
  readonly kept = new Map<SessionToken, Kept>();
  readonly removed = new Map<SessionToken, number>();
  /** Told of every record that is written. */
  written: (token: SessionToken, record: SessionRecord) => void = () => undefined;
  #made = 1;
  #last = 0;

  put(token: SessionToken, text: string): number {
    this.#last += 1;
    this.removed.delete(token);
    this.kept.set(token, { text, revision: this.#last });
    this.written(token, JSON.parse(text) as SessionRecord);
    return this.#last;
  }

  remove(token: SessionToken): void {
    this.#last += 1;
    this.kept.delete(token);
    this.removed.set(token, this.#last);
  }

  get(token: SessionToken): SessionRecord | undefined {
    const held = this.kept.get(token);
    return held && (JSON.parse(held.text) as SessionRecord);
  }

  get extent(): RecordsExtent {
    const first = Math.min(this.#last + 1, ...this.removed.values(), ...[...this.kept.values()].map(({ revision }) => revision));
    return { first, last: this.#last, made: String(this.#made) };
  }

  /** An operator empties the store, or removes it and has it made anew. */
  wipe(anew: boolean): void {
    this.kept.clear();
    this.removed.clear();
    if (!anew) return;
    this.#made += 1;
    this.#last = 0;
  }
}

/** The attempt was not carried out, or perhaps it was. */
class Failed extends Error {
  readonly certain: boolean;
  constructor(certain: boolean) {
    super('no answer of the store');
    this.certain = certain;
  }
}

export class SimulatedSessions implements SessionRecords {
  readonly #member: Member;
  readonly #world: World;

  constructor(member: Member, world: World) {
    this.#member = member;
    this.#world = world;
  }

  create(token: SessionToken, record: SessionRecord): Promise<number | undefined> {
    const text = JSON.stringify(record);
    const { records } = this.#world;
    return this.#patiently((unsure) => {
      const held = records.kept.get(token);
      if (held !== undefined) return unsure && held.text === text ? held.revision : undefined;
      return records.put(token, text);
    });
  }

  get(token: SessionToken): Promise<StoredSession | undefined> {
    const { records } = this.#world;
    return this.#patiently(() => {
      const held = records.kept.get(token);
      return held && { record: JSON.parse(held.text) as SessionRecord, revision: held.revision };
    });
  }

  replace(token: SessionToken, record: SessionRecord, revision: number): Promise<number | undefined> {
    const text = JSON.stringify(record);
    const { records } = this.#world;
    return this.#patiently((unsure) => {
      const held = records.kept.get(token);
      if (held?.revision === revision) return records.put(token, text);
      return unsure && held?.text === text ? held.revision : undefined;
    });
  }

  delete(token: SessionToken, revision: number): Promise<boolean> {
    const { records } = this.#world;
    return this.#patiently(() => {
      const held = records.kept.get(token);
      const mine = held === undefined || held.revision === revision;
      if (mine) records.remove(token);
      return mine;
    });
  }

  wasRemoved(token: SessionToken): Promise<boolean> {
    return this.#patiently(() => this.#world.records.removed.has(token));
  }

  extent(): Promise<RecordsExtent> {
    return this.#patiently(() => this.#world.records.extent);
  }

  signingKey(): Promise<Buffer> {
    return this.#patiently(() => this.#world.key);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #patiently<T>(operation: (unsure: boolean) => T): Promise<T> {
    const { time } = this.#member;
    const ends = time.now() + DEADLINE;
    let unsure = false;
    for (let pause = 50; ; pause = Math.min(2 * pause, 500)) {
      await this.#connected();
      try {
        const before = unsure;
        return await this.#attempt(() => operation(before));
      } catch (error) {
        if (!(error instanceof Failed) || time.now() + pause > ends) throw new CausewayError('cluster.unavailable', { cause: error });
        unsure ||= !error.certain;
        await this.#sleep(pause * (1 + time.random()));
      }
    }
  }

  async #connected(): Promise<void> {
    const { control, time } = this.#member;
    for (const ends = time.now() + RECONNECT; !control.live;) {
      if (time.now() >= ends) throw new CausewayError('cluster.unavailable');
      await this.#sleep(50);
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#member.time.after(ms, resolve));
  }

  #attempt<T>(operation: () => T): Promise<T> {
    const { control, time } = this.#member;
    const { leaderless, loss, time: clock } = this.#world;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const late = time.after(ATTEMPT, () => reject(new Failed(false)));
    const answer = (fn: () => void): void => {
      if (clock.random() < loss) return;
      control.down('', () => {
        late();
        fn();
      });
    };
    if (clock.random() < loss) return promise;
    control.up('', () => {
      if (leaderless()) return answer(() => reject(new Failed(true)));
      const value = operation();
      answer(() => resolve(value));
    });
    return promise;
  }
}
