/**
 * Owns simulated session records: what `nats/sessions.ts` makes of a store whose answers are late, lost or refused. An
 * operation is tried again until its deadline; one whose outcome is unknown is looked up before it is called a loss.
 */
import { CausewayError, type SessionToken } from '@causeway/protocol';
import { markSeen } from '../ledger.ts';
import { Generations, type Generation } from '../generations.ts';
import { isFormer, type SessionRecord, type SessionRecords, type StoredSession } from '../sessions.ts';
import type { Member } from './member.ts';
import type { Found } from './record-store.ts';
import type { World } from './world.ts';

/** Milliseconds for one operation and for one attempt, and that a lost connection may take to return. */
const DEADLINE = 12_000;
const ATTEMPT = 1_000;
const RECONNECT = 2_000;

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
  readonly #generations: Generations;

  constructor(member: Member, world: World) {
    this.#member = member;
    this.#world = world;
    const { records, time } = world;
    this.#generations = new Generations({
      store: {
        read: () => this.#read(({ mark }) => mark),
        write: (text, revision) =>
          this.#patiently((unsure) => {
            const { mark } = records;
            if ((mark?.revision ?? 0) !== revision) return unsure && mark?.text === text ? mark.revision : undefined;
            records.mark = { text, revision: records.next() };
            return records.mark.revision;
          }),
      },
      floor: () => markSeen(member.ledger),
      now: () => time.now(),
      newId: () => `${member.id}-${time.now()}`,
    });
  }

  get generation(): string | undefined {
    return this.#generations.present?.id;
  }

  create(token: SessionToken, record: SessionRecord): Promise<number | undefined> {
    const text = JSON.stringify(record);
    const { records } = this.#world;
    return this.#patiently((unsure) => {
      const held = records.kept.get(token);
      if (held !== undefined) return unsure && held.text === text ? held.revision : undefined;
      return records.removed.has(token) ? undefined : this.#put(token, text);
    });
  }

  /** What is told of it comes later; here that makes no difference. */
  #put(token: SessionToken, text: string): number {
    const revision = this.#world.records.put(token, text);
    this.#generations.wrote(revision);
    return revision;
  }

  get(token: SessionToken): Promise<StoredSession | undefined> {
    return this.#read(({ kept }) => {
      const held = kept.get(token);
      return held && { record: JSON.parse(held.text) as SessionRecord, revision: held.revision };
    });
  }

  replace(token: SessionToken, record: SessionRecord, revision: number): Promise<number | undefined> {
    const text = JSON.stringify(record);
    const { records } = this.#world;
    return this.#patiently((unsure) => {
      const held = records.kept.get(token);
      if (held?.revision === revision) return this.#put(token, text);
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
    return this.#read(({ removed }) => removed.has(token));
  }

  look(): Promise<Generation> {
    return this.#generations.look();
  }

  unsettled(): Promise<boolean> {
    return this.#generations.unsettled();
  }

  tend(): Promise<Generation> {
    return this.#generations.count();
  }

  async sweep(): Promise<void> {
    const { id, revision: mark } = await this.look();
    const { records } = this.#world;
    const all = await this.#patiently(() => [...records.kept].map(([token, { revision }]) => ({ token, revision })));
    for (const { token, revision } of all) {
      const record = await this.get(token);
      if (record?.revision === revision && revision < mark && isFormer(record.record, id)) await this.delete(token, revision);
    }
  }

  signingKey(): Promise<Buffer> {
    return this.#patiently(() => this.#world.key);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** A server that leads no more, and does not know it yet, answers as well, with what it has. */
  #read<T>(from: (found: Found) => T): Promise<T> {
    const world = this.#world;
    const serve = (): T => from(world.formerly(this.#member.control) ?? world.records);
    return this.#patiently(serve, true);
  }

  async #patiently<T>(operation: (unsure: boolean) => T, reads = false): Promise<T> {
    const { time } = this.#member;
    const ends = time.now() + DEADLINE;
    let unsure = false;
    for (let pause = 50; ; pause = Math.min(2 * pause, 500)) {
      await this.#connected();
      try {
        const before = unsure;
        return await this.#attempt(() => operation(before), reads);
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

  #attempt<T>(operation: () => T, reads: boolean): Promise<T> {
    const { control, time } = this.#member;
    const { loss, time: clock } = this.#world;
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
    const serve = (): void => {
      const value = operation();
      answer(() => resolve(value));
    };
    const refuse = (): void => answer(() => reject(new Failed(true)));
    control.up('', () => {
      if (reads && this.#world.formerly(control) !== undefined) serve();
      else this.#world.ask(control, serve, refuse);
    });
    return promise;
  }
}
