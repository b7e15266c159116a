/**
 * Owns the buckets: which exist, how they are kept, and their creation by whichever process comes first.
 * A bucket is a stream in the form that `nats kv` reads.
 * Invariants: creation is idempotent and survives a cluster that is electing; a bucket that would ignore
 * message TTL is refused, and one of another prefix that makes the same name; reads are always answered by the leader.
 */
import { CausewayError } from '@causeway/protocol';
import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type JetStreamPublishOptions,
  type StreamInfo,
} from '@nats-io/jetstream';
import { headers, nanos } from '@nats-io/transport-node';
import { SESSION_RECORD_BYTES } from '../sessions.ts';
import { MARKER_TTL } from '../store.ts';
import { patiently, unavailable } from './patience.ts';

/** Milliseconds after which a session's record goes although nobody ended the session: what crashed owners leave. */
const SESSION_AGE = 7 * 24 * 3_600_000;
const DESCRIPTIONS = {
  workers: 'Causeway: leases of workers',
  sessions: 'Causeway: owners of sessions',
  cluster: 'Causeway: shared secrets',
};

export type Bucket = keyof typeof DESCRIPTIONS;

/** `cw` and `workers` make `cw_workers`; characters that a bucket may not have become `_`. */
export function bucketName(prefix: string, bucket: Bucket): string {
  return `${prefix.replaceAll(/[^-\w]/g, '_')}_${bucket}`;
}

export const streamOf = (name: string): string => `KV_${name}`;
export const subjectOf = (name: string, key: string): string => `$KV.${name}.${key}`;

/** Where a stream says of which prefix it is: two can make the same name. Missing in what earlier versions made. */
const PREFIX = 'causeway.prefix';

/** Another prefix than ours, if the bucket is of one. */
export function strangerIn(config: { readonly metadata?: Readonly<Record<string, string>> }, prefix: string): string | undefined {
  const of = config.metadata?.[PREFIX];
  return of === prefix ? undefined : of;
}

/** Copies of a bucket in a cluster: with fewer it stands still when one server is gone, another one more adds nothing. */
export const CLUSTERED = 3;
/** Milliseconds for which a cluster that starts is waited for until it has servers enough for all copies. */
const GATHERING = 10_000;
/** Milliseconds in which servers that have just started come to know what the others have room for. */
const KNOWN = 2_000;
/** JetStream error code: too few servers for so many copies, now or at all. */
const FEW_SERVERS = 10005;

/** How a key is taken away that stands at `expected` (0: that does not stand); its mark stays for `ttl` milliseconds. */
export function removal(ttl: number, expected: number): Partial<JetStreamPublishOptions> {
  const words = headers();
  words.set('KV-Operation', 'PURGE');
  words.set('Nats-Rollup', 'sub');
  return { headers: words, ttl: `${ttl / 1000}s`, expect: { lastSubjectSequence: expected } };
}

export interface BucketOptions {
  /** Copies that are wanted. One that has fewer is given more, where these credentials may. */
  readonly replicas: number;
  /** Copies that a new one is made with where servers are missing for longer than a start takes. */
  readonly least: number;
  /** Milliseconds until giving up. */
  readonly deadline: number;
}

export interface OpenBucket {
  readonly name: string;
  readonly copies: number;
  /** Why it has fewer copies than are wanted. */
  readonly fewer?: string;
}

/** Makes sure of one bucket. Rejects with a CausewayError `cluster.unavailable`. */
export async function ensureBucket(manager: JetStreamManager, prefix: string, bucket: Bucket, options: BucketOptions): Promise<OpenBucket> {
  const name = bucketName(prefix, bucket);
  let info: StreamInfo;
  try {
    info = await patiently(options.deadline, finder(manager, prefix, bucket, options));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw unavailable(
      error,
      `The NATS bucket ${name} could not be opened with ${options.replicas} replicas (${why}). Check JetStream's state, storage and permissions, or ask for fewer replicas.`,
    );
  }
  const { allow_msg_ttl: ttl, allow_direct: direct, max_msgs_per_subject: history } = info.config;
  if (ttl !== true || direct || history !== 1) {
    throw new CausewayError('cluster.unavailable', {
      message: `The NATS bucket ${name} exists, but was not made by Causeway: it needs message TTL, no direct reads and a history of 1. Remove it, or choose another subject prefix.`,
    });
  }
  const stranger = strangerIn(info.config, prefix);
  if (stranger !== undefined) {
    throw new CausewayError('cluster.unavailable', {
      message: `The NATS bucket ${name} is of the subject prefix ${stranger}, whose buckets have the same names: choose another than ${prefix} (nats.prefix).`,
    });
  }
  const { num_replicas: copies } = info.config;
  return copies < options.replicas ? spread(manager, name, options.replicas, copies) : { name, copies };
}

/** More copies of what was made when servers were missing. */
async function spread(manager: JetStreamManager, name: string, replicas: number, copies: number): Promise<OpenBucket> {
  try {
    await patiently(KNOWN, () => manager.streams.update(streamOf(name), { num_replicas: replicas }));
    return { name, copies: replicas };
  } catch (error) {
    return { name, copies, fewer: error instanceof Error ? error.message : String(error) };
  }
}

/** Makes a bucket again if it is gone, and says whether it was. Never rejects: whoever needs it asks again. */
export async function restoreBucket(
  manager: JetStreamManager,
  prefix: string,
  bucket: Bucket,
  { replicas, least }: Pick<BucketOptions, 'replicas' | 'least'>,
): Promise<boolean> {
  const name = bucketName(prefix, bucket);
  try {
    if ((await find(manager, name)) !== undefined) return false;
    await add(manager, prefix, bucket, replicas).catch((error: unknown) => {
      if (!isFewServers(error)) throw error;
      return add(manager, prefix, bucket, least);
    });
    return true;
  } catch {
    return false;
  }
}

const isFewServers = (error: unknown): boolean => error instanceof JetStreamApiError && error.code === FEW_SERVERS;

/** Looks for a bucket at each call, and makes it if there is none: with all copies, or with the least once servers have been missing for long. */
function finder(manager: JetStreamManager, prefix: string, bucket: Bucket, options: BucketOptions): () => Promise<StreamInfo> {
  const { replicas, least, deadline } = options;
  const name = bucketName(prefix, bucket);
  let patience = Infinity;
  return async () => {
    const found = await find(manager, name);
    if (found !== undefined) return found;
    try {
      return await add(manager, prefix, bucket, performance.now() < patience ? replicas : least);
    } catch (error) {
      if (!(error instanceof JetStreamApiError)) throw error;
      if (isFewServers(error)) patience = Math.min(patience, performance.now() + Math.min(GATHERING, deadline / 2));
      // another process was first, with other replicas or another version's settings
      const made = error.status === 400 ? await find(manager, name) : undefined;
      if (made === undefined) throw error;
      return made;
    }
  };
}

async function find(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(streamOf(name));
  } catch (error) {
    if (error instanceof JetStreamApiError && error.status === 404) return undefined;
    throw error;
  }
}

function add(manager: JetStreamManager, prefix: string, bucket: Bucket, replicas: number): Promise<StreamInfo> {
  const name = bucketName(prefix, bucket);
  return manager.streams.add({
    name: streamOf(name),
    description: DESCRIPTIONS[bucket],
    metadata: { [PREFIX]: prefix },
    subjects: [subjectOf(name, '>')],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    storage: StorageType.File,
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    max_msg_size: SESSION_RECORD_BYTES + 4_096,
    max_age: bucket === 'sessions' ? nanos(SESSION_AGE) : 0,
    allow_rollup_hdrs: true,
    allow_direct: false,
    deny_delete: true,
    allow_msg_ttl: true,
    subject_delete_marker_ttl: nanos(MARKER_TTL),
  });
}
