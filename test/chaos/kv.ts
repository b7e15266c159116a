/**
 * Owns what any client of the cluster's NATS could see and do: dumps of the buckets, wiping and restoring them, the
 * leader of a bucket, and a tap on subjects. Subjects and buckets are those of docs/subjects.md, spelled again here on
 * purpose: black box.
 */
import { jetstreamManager, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import { connect, headers, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { setTimeout as after } from 'node:timers/promises';
import type { NatsNode } from './nats-node.ts';

export interface WorkerEntry {
  readonly sessions: number;
  readonly [more: string]: unknown;
}

export interface SessionEntry {
  readonly owner: string;
  readonly epoch: number;
  readonly [more: string]: unknown;
}

export interface KvDump {
  readonly workers: ReadonlyMap<string, WorkerEntry>;
  readonly sessions: ReadonlyMap<string, SessionEntry>;
}

export type Bucket = 'workers' | 'sessions' | 'cluster';

/** The raw values of a bucket, by key. */
export type RawBucket = ReadonlyMap<string, Uint8Array>;

export interface Eye extends AsyncDisposable {
  readonly nc: NatsConnection;
  readonly manager: JetStreamManager;
  dump(): Promise<KvDump>;
  raw(bucket: Bucket): Promise<RawBucket>;
  /** `ttl`: milliseconds after which it ends by itself. */
  put(bucket: Bucket, key: string, value: Uint8Array, ttl?: number): Promise<void>;
  /** Takes one key away, as any client of the bucket does. */
  remove(bucket: Bucket, key: string): Promise<void>;
  /** Takes everything out of a bucket, without a word to anybody. */
  wipe(bucket: Bucket): Promise<void>;
  /** The server that leads a bucket. */
  leader(bucket: Bucket): Promise<string>;
  /** Makes that server the leader of a bucket. */
  lead(bucket: Bucket, node: string): Promise<void>;
  /** Resolves when every replica of every bucket has everything. */
  current(): Promise<void>;
  /** Everything published below a subject, until disposed of. */
  tap(subject: string, take: (message: Msg) => void): Disposable;
}

/** A worker's life, and a session's token; each bucket has a mark of its own besides. */
const WORKER = /^[0-9A-Za-z]{12}$/;
const TOKEN = /^[\w-]{22}$/;
const streamOf = (bucket: Bucket) => `KV_cw_${bucket}`;
const subjectOf = (bucket: Bucket, key: string) => `$KV.cw_${bucket}.${key}`;

export async function openEye(nodes: readonly NatsNode[], { echo = true } = {}): Promise<Eye> {
  const nc = await connect({
    servers: nodes.map(({ address }) => address),
    name: 'chaos',
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    pingInterval: 2_000,
    noEcho: !echo,
  });
  const manager = await jetstreamManager(nc, { timeout: 3_000 });

  /** A cluster that elects answers nothing for a while; so does one without servers. */
  async function patiently<T>(work: () => Promise<T>): Promise<T> {
    for (const until = Date.now() + 30_000; ; await after(100)) {
      try {
        return await work();
      } catch (error) {
        if (Date.now() > until || (error instanceof JetStreamApiError && error.status === 404)) throw error;
      }
    }
  }

  async function raw(bucket: Bucket): Promise<RawBucket> {
    const { state } = await manager.streams.info(streamOf(bucket), { subjects_filter: subjectOf(bucket, '>') });
    const values = new Map<string, Uint8Array>();
    for (const subject of Object.keys(state.subjects ?? {})) {
      const message = await manager.streams.getMessage(streamOf(bucket), { last_by_subj: subject });
      const mark = message?.header.get('KV-Operation') || message?.header.get('Nats-Marker-Reason');
      if (message !== null && message !== undefined && !mark) values.set(subject.slice(subjectOf(bucket, '').length), message.data);
    }
    return values;
  }

  async function named(bucket: Bucket, name: RegExp): Promise<RawBucket> {
    return new Map([...(await raw(bucket))].filter(([key]) => name.test(key)));
  }

  async function write(bucket: Bucket, key: string, value: Uint8Array, fields: Readonly<Record<string, string>>): Promise<void> {
    const sent = headers();
    for (const [name, text] of Object.entries(fields)) sent.set(name, text);
    await patiently(() => nc.request(subjectOf(bucket, key), value, { timeout: 3_000, headers: sent }));
  }

  const parsed = <T>(values: RawBucket): ReadonlyMap<string, T> =>
    new Map([...values].map(([key, value]) => [key, JSON.parse(new TextDecoder().decode(value)) as T]));

  return {
    nc,
    manager,
    raw: (bucket) => patiently(() => raw(bucket)),
    dump: () =>
      patiently(async () => ({
        workers: parsed<WorkerEntry>(await named('workers', WORKER)),
        sessions: parsed<SessionEntry>(await named('sessions', TOKEN)),
      })),
    put: (bucket, key, value, ttl) => write(bucket, key, value, ttl === undefined ? {} : { 'Nats-TTL': `${Math.ceil(ttl / 1_000)}s` }),
    remove: (bucket, key) => write(bucket, key, new Uint8Array(), { 'KV-Operation': 'DEL' }),
    async wipe(bucket) {
      await patiently(() => manager.streams.purge(streamOf(bucket)));
    },
    leader: (bucket) =>
      patiently(async () => {
        const { cluster } = await manager.streams.info(streamOf(bucket));
        if (!cluster?.leader) throw new Error(`${bucket} has no leader`);
        return cluster.leader;
      }),
    lead: (bucket, node) =>
      patiently(async () => {
        if ((await manager.streams.info(streamOf(bucket))).cluster?.leader === node) return;
        await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${streamOf(bucket)}`, JSON.stringify({ placement: { preferred: node } }));
        throw new Error(`${node} does not lead ${bucket}`);
      }),
    current: () =>
      patiently(async () => {
        for (const bucket of ['workers', 'sessions', 'cluster'] as const) {
          const { cluster } = await manager.streams.info(streamOf(bucket));
          const behind = cluster?.replicas?.find(({ current, offline }) => !current || offline);
          if (!cluster?.leader || behind !== undefined) throw new Error(`${bucket}: ${behind?.name ?? 'the leader'} is not current`);
        }
      }),
    tap(subject, take) {
      const subscription = nc.subscribe(subject, { callback: (error, message) => (error === null ? take(message) : undefined) });
      return { [Symbol.dispose]: () => subscription.unsubscribe() };
    },
    async [Symbol.asyncDispose]() {
      await nc.close();
    },
  };
}
