/**
 * Owns the session records over one bucket, and the signing key over another.
 * Invariants: reads are the leader's; a change whose outcome is unknown is looked up before it is called a
 * loss; a removed record leaves a mark for ten minutes, so that a late write cannot bring it back.
 */
import { randomBytes } from 'node:crypto';
import { CausewayError, type SessionToken } from '@causeway/protocol';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import { jetstream, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { isFormer, SESSION_RECORD_BYTES, type SessionRecord, type SessionRecords, type StoredSession } from '../sessions.ts';
import { Generations, type Generation } from '../generations.ts';
import { removal, streamOf, subjectOf, type Bucket } from './buckets.ts';
import { RECONNECT, type Link } from './link.ts';
import { isConflict, patiently, unavailable } from './patience.ts';

/** Milliseconds for one operation, longer than a leader election. */
const DEADLINE = 12_000;
/** Milliseconds for one attempt. */
const ATTEMPT = 1_000;
const TOMBSTONE_TTL = 600_000;
const KEY_NAME = 'signing_key';
/** Beside the records: no token is so long. */
const MARK_NAME = 'generation';
const KEY_BYTES = 32;
/** Milliseconds in which a key that was lost is put back by a worker that knows it, which tends the records every 5 s. */
const PUT_BACK = 8_000;
/** It is not there yet. */
const PENDING = new errors.TimeoutError();

export interface NatsSessionsOptions {
  readonly control: Link;
  /** Names of the buckets, which exist. */
  readonly sessions: string;
  readonly cluster: string;
  readonly manager: JetStreamManager;
  /** The highest count of the records' mark that workers have seen. */
  readonly floor: () => number;
  /** Makes a bucket anew if it is gone; never rejects. */
  readonly restore: (bucket: Bucket) => Promise<boolean>;
}

export async function openNatsSessions(options: NatsSessionsOptions): Promise<SessionRecords> {
  const js = jetstream(options.control.nc, { timeout: ATTEMPT, checkAPI: false });
  const kvm = new Kvm(js);
  const [sessions, cluster] = await Promise.all([kvm.open(options.sessions), kvm.open(options.cluster)]);
  return new NatsSessions(options, js, sessions, cluster);
}

class NatsSessions implements SessionRecords {
  readonly #options: NatsSessionsOptions;
  readonly #control: Link;
  readonly #js: JetStreamClient;
  readonly #sessions: KV;
  readonly #cluster: KV;
  readonly #generations: Generations;
  #key: Buffer | undefined;
  #closed = false;

  constructor(options: NatsSessionsOptions, js: JetStreamClient, sessions: KV, cluster: KV) {
    this.#js = js;
    this.#options = options;
    this.#control = options.control;
    this.#sessions = sessions;
    this.#cluster = cluster;
    this.#generations = new Generations({
      store: {
        read: async () => {
          const entry = await this.#patiently(() => live(sessions, MARK_NAME));
          return entry && { text: entry.string(), revision: entry.revision };
        },
        write: (text, revision) => this.#write(MARK_NAME, Buffer.from(text), revision),
      },
      floor: options.floor,
      now: () => performance.now(),
      newId: () => randomBytes(6).toString('base64url'),
    });
  }

  async create(token: SessionToken, record: SessionRecord): Promise<number | undefined> {
    return this.#write(token, bytesOf(record), 0);
  }

  async get(token: SessionToken): Promise<StoredSession | undefined> {
    const entry = await this.#patiently(() => live(this.#sessions, token));
    return entry && { record: JSON.parse(entry.string()) as SessionRecord, revision: entry.revision };
  }

  async replace(token: SessionToken, record: SessionRecord, revision: number): Promise<number | undefined> {
    return this.#write(token, bytesOf(record), revision);
  }

  async delete(token: SessionToken, revision: number): Promise<boolean> {
    return this.#patiently(async () => {
      try {
        await this.#remove(token, revision);
        return true;
      } catch (error) {
        if (!isConflict(error)) throw error;
        const entry = await this.#sessions.get(token);
        return entry === null ? this.delete(token, 0) : entry.operation !== 'PUT';
      }
    });
  }

  async wasRemoved(token: SessionToken): Promise<boolean> {
    const entry = await this.#patiently(() => this.#sessions.get(token));
    return entry !== null && entry.operation !== 'PUT';
  }

  get generation(): string | undefined {
    return this.#generations.present?.id;
  }

  look(): Promise<Generation> {
    return this.#generations.look();
  }

  unsettled(): Promise<boolean> {
    return this.#generations.unsettled();
  }

  async tend(): Promise<Generation> {
    const { control, restore } = this.#options;
    try {
      await control.whenLive(RECONNECT);
      await Promise.all([restore('sessions'), restore('cluster')]);
      const key = await control.whileLive(live(this.#cluster, KEY_NAME));
      if (key === undefined && this.#key !== undefined) await this.#cluster.create(KEY_NAME, this.#key).catch(() => undefined);
      return await this.#generations.count();
    } catch (error) {
      throw unavailable(error);
    }
  }

  async sweep(): Promise<void> {
    const { manager, sessions } = this.#options;
    const all = subjectOf(sessions, '');
    // A leader that was replaced may answer: what was written since it was is no former one's.
    const { id, revision } = await this.look();
    const { state } = await this.#patiently(() => manager.streams.info(streamOf(sessions), { subjects_filter: `${all}>` }));
    for (const subject of Object.keys(state.subjects ?? {})) {
      const token = subject.slice(all.length) as SessionToken;
      const stored = subject === all + MARK_NAME ? undefined : await this.get(token);
      if (stored !== undefined && stored.revision < revision && isFormer(stored.record, id)) await this.delete(token, stored.revision);
    }
  }

  async signingKey(): Promise<Buffer> {
    // The one that is known stays: should it vanish from the store, it is put back.
    const candidate = this.#key ?? randomBytes(KEY_BYTES);
    const since = performance.now();
    const key = await this.#patiently(async () => {
      const held = await live(this.#cluster, KEY_NAME);
      if (held !== undefined) return keyOf(held);
      if (this.#key === undefined && performance.now() - since < PUT_BACK && (await this.#keyWasLost())) throw PENDING;
      try {
        await this.#cluster.create(KEY_NAME, candidate);
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
      // whoever was first, this process included after an attempt of unknown outcome
      const chosen = await live(this.#cluster, KEY_NAME);
      // A copy of the store that lags, or it was removed just then.
      if (chosen === undefined) throw PENDING;
      return keyOf(chosen);
    });
    this.#key = key;
    return Buffer.from(key);
  }

  /** Whether there has been a key: somebody may know it. */
  async #keyWasLost(): Promise<boolean> {
    const { state } = await this.#options.manager.streams.info(streamOf(this.#options.cluster));
    return state.last_seq > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  async #patiently<T>(attempt: (unsure: boolean) => Promise<T>): Promise<T> {
    if (this.#closed) throw new CausewayError('cluster.unavailable');
    try {
      return await patiently(DEADLINE, async (unsure) => {
        await this.#control.whenLive(RECONNECT);
        return this.#control.whileLive(attempt(unsure));
      });
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #remove(token: SessionToken, expected: number): Promise<void> {
    await this.#js.publish(subjectOf(this.#options.sessions, token), '', removal(TOMBSTONE_TTL, expected));
  }

  /** The revision at which it stands then, or `undefined` if something stands there at another than `before` (0: anything). */
  #write(key: string, bytes: Buffer, before: number): Promise<number | undefined> {
    return this.#patiently(async (unsure) => {
      try {
        const revision = await this.#put(key, bytes, before);
        if (key !== MARK_NAME) this.#generations.wrote(revision);
        return revision;
      } catch (error) {
        if (!isConflict(error)) throw error;
        return unsure ? this.#revisionOf(key, bytes) : undefined;
      }
    });
  }

  /** The mark takes the place of one that was removed; a session's record never does, as `create` of the client would have it. */
  #put(key: string, bytes: Buffer, before: number): Promise<number> {
    if (key === MARK_NAME && before === 0) return this.#sessions.create(key, bytes);
    return this.#sessions.put(key, bytes, { previousSeq: before });
  }

  /** The revision at which these very bytes stand: an attempt of unknown outcome was carried out. */
  async #revisionOf(key: string, bytes: Buffer): Promise<number | undefined> {
    const entry = await live(this.#sessions, key);
    return entry !== undefined && bytes.equals(entry.value) ? entry.revision : undefined;
  }
}

async function live(bucket: KV, key: string): Promise<KvEntry | undefined> {
  const entry = await bucket.get(key);
  return entry !== null && entry.operation === 'PUT' ? entry : undefined;
}

function keyOf(entry: KvEntry): Buffer {
  if (entry.value.length !== KEY_BYTES)
    throw new CausewayError('cluster.unavailable', {
      message: 'The signing key in NATS is damaged. Remove it; sessions that are open now will end.',
    });
  return Buffer.from(entry.value);
}

function bytesOf(record: SessionRecord): Buffer {
  const bytes = Buffer.from(JSON.stringify(record));
  if (bytes.length > SESSION_RECORD_BYTES) throw new CausewayError('server.reply_too_large');
  return bytes;
}
