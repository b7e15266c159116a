/**
 * Owns the session records over one bucket, and the signing key over another.
 * Invariants: reads are the leader's; a change whose outcome is unknown is looked up before it is called a
 * loss; a removed record leaves a mark for a minute, so that a late write cannot bring it back.
 */
import { randomBytes } from 'node:crypto';
import { CausewayError, type SessionToken } from '@causeway/protocol';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import { jetstream } from '@nats-io/jetstream';
import { SESSION_RECORD_BYTES, type SessionRecord, type SessionRecords, type StoredSession } from '../sessions.ts';
import { RECONNECT, type Link } from './link.ts';
import { isConflict, patiently, unavailable } from './patience.ts';

/** Milliseconds for one operation, longer than a leader election. */
const DEADLINE = 12_000;
/** Milliseconds for one attempt. */
const ATTEMPT = 1_000;
const TOMBSTONE_TTL = '60s';
const KEY_NAME = 'signing_key';
const KEY_BYTES = 32;

export interface NatsSessionsOptions {
  readonly control: Link;
  /** Names of the buckets, which exist. */
  readonly sessions: string;
  readonly cluster: string;
}

export async function openNatsSessions(options: NatsSessionsOptions): Promise<SessionRecords> {
  const kvm = new Kvm(jetstream(options.control.nc, { timeout: ATTEMPT, checkAPI: false }));
  const [sessions, cluster] = await Promise.all([kvm.open(options.sessions), kvm.open(options.cluster)]);
  return new NatsSessions(options.control, sessions, cluster);
}

class NatsSessions implements SessionRecords {
  readonly #control: Link;
  readonly #sessions: KV;
  readonly #cluster: KV;
  #closed = false;

  constructor(control: Link, sessions: KV, cluster: KV) {
    this.#control = control;
    this.#sessions = sessions;
    this.#cluster = cluster;
  }

  async create(token: SessionToken, record: SessionRecord): Promise<boolean> {
    const bytes = write(record);
    return this.#patiently(async (unsure) => {
      try {
        await this.#sessions.create(token, bytes);
        return true;
      } catch (error) {
        if (!isConflict(error)) throw error;
        return unsure && (await this.#holds(token, bytes));
      }
    });
  }

  async get(token: SessionToken): Promise<StoredSession | undefined> {
    const entry = await this.#patiently(() => live(this.#sessions, token));
    return entry && { record: JSON.parse(entry.string()) as SessionRecord, revision: entry.revision };
  }

  async replace(token: SessionToken, record: SessionRecord, revision: number): Promise<boolean> {
    const bytes = write(record);
    return this.#patiently(async (unsure) => {
      try {
        await this.#sessions.update(token, bytes, revision);
        return true;
      } catch (error) {
        if (!isConflict(error)) throw error;
        return unsure && (await this.#holds(token, bytes));
      }
    });
  }

  async delete(token: SessionToken): Promise<void> {
    await this.#patiently(() => this.#sessions.purge(token, { ttl: TOMBSTONE_TTL }));
  }

  async signingKey(): Promise<Buffer> {
    const candidate = randomBytes(KEY_BYTES);
    return this.#patiently(async () => {
      const held = await live(this.#cluster, KEY_NAME);
      if (held !== undefined) return keyOf(held);
      try {
        await this.#cluster.create(KEY_NAME, candidate);
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
      // whoever was first, this process included after an attempt of unknown outcome
      const chosen = await live(this.#cluster, KEY_NAME);
      if (chosen === undefined)
        throw new CausewayError('cluster.unavailable', { message: 'The signing key of the cluster was removed while it was read.' });
      return keyOf(chosen);
    });
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

  async #holds(token: SessionToken, bytes: Buffer): Promise<boolean> {
    const entry = await live(this.#sessions, token);
    return entry !== undefined && bytes.equals(entry.value);
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

function write(record: SessionRecord): Buffer {
  const bytes = Buffer.from(JSON.stringify(record));
  if (bytes.length > SESSION_RECORD_BYTES) throw new CausewayError('server.reply_too_large');
  return bytes;
}
