/**
 * Owns the ledger over one bucket: how the log of records is written to and watched in NATS.
 * Invariants: the view follows a watch and is never polled; while NATS is out of reach it stays as last seen, since
 * nothing is known to have changed; a bucket that is gone is made again.
 */
import type { WorkerId } from '@causeway/protocol';
import { JetStreamApiError, jetstream, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { LEASE_TIMES, LEFT_BEATS, type Ledger, type LeaseTimes } from '../ledger.ts';
import { LogLedger } from '../log-ledger.ts';
import { RecordsView, type SeenRecord } from '../records.ts';
import { MARKER_TTL, WriteConflict, type Expectation, type RecordStore } from '../store.ts';
import { systemTime } from '../time.ts';
import { removal, subjectOf } from './buckets.ts';
import { RECONNECT, type Link } from './link.ts';
import { isConflict, isUnanswered, unavailable, within } from './patience.ts';
import { BucketWatch, type Entry } from './watch.ts';

/** Milliseconds until a write counts as failed. */
const WRITE_DEADLINE = 2_000;
/** Milliseconds within which what was written has come to everybody who watches: a hundred times what it takes on a quiet network. */
const SPREAD = 300;

export interface NatsLedgerOptions {
  readonly control: Link;
  /** Whether others find this process. */
  readonly data: Link;
  readonly manager: JetStreamManager;
  readonly bucket: string;
  readonly inbox: string;
  readonly times?: LeaseTimes | undefined;
  /** Milliseconds until the first view must be there. */
  readonly deadline: number;
  /** Makes the bucket anew if it is gone, and says whether it was; never rejects. */
  readonly restore: () => Promise<boolean>;
}

export async function openNatsLedger(options: NatsLedgerOptions): Promise<Ledger> {
  const times = options.times ?? LEASE_TIMES;
  const view = new RecordsView(systemTime, times);
  const { control, data, manager, bucket, inbox } = options;
  const watch = new BucketWatch(control, manager, {
    bucket,
    inbox,
    snapshot: (entries, last) => view.snapshot(entries.map(seen), last),
    change: (entry) => {
      view.change(seen(entry));
      for (const link of [control, data]) link.goesOn(entry.stored, LEFT_BEATS * times.heartbeat);
    },
  });
  const store = new NatsStore(options, watch);
  const minority = (): boolean => control.minority || data.minority;
  const ledger = new NatsLedger(
    { store, view, time: systemTime, times, spread: SPREAD, minority, whenLive: () => control.whenLive(RECONNECT) },
    { control, watch, cut: () => view.cut() },
  );
  try {
    await within(options.deadline, watch.open());
  } catch (error) {
    await ledger[Symbol.asyncDispose]();
    throw unavailable(error, `The NATS bucket ${bucket} could not be watched. Check JetStream's state and permissions.`);
  }
  return ledger;
}

interface Feed {
  readonly control: Link;
  readonly watch: BucketWatch;
  readonly cut: () => void;
}

class NatsLedger extends LogLedger {
  readonly #feed: Feed;
  readonly #unfollow: () => void;

  constructor(deps: ConstructorParameters<typeof LogLedger>[0], feed: Feed) {
    super(deps);
    this.#feed = feed;
    this.#unfollow = feed.control.onChange(() => {
      if (feed.control.live) this.renew();
      else feed.cut();
    });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#feed.watch[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
    this.#unfollow();
  }
}

function seen({ key, revision, stored, value, gone }: Entry): SeenRecord {
  const place = { key: key as WorkerId, sequence: revision, stored };
  return value === undefined ? { ...place, gone: gone ?? 'taken' } : { ...place, text: value.toString('utf8') };
}

class NatsStore implements RecordStore {
  readonly #options: NatsLedgerOptions;
  readonly #watch: BucketWatch;
  readonly #js: JetStreamClient;

  constructor(options: NatsLedgerOptions, watch: BucketWatch) {
    this.#options = options;
    this.#watch = watch;
    this.#js = jetstream(options.control.nc);
  }

  get live(): boolean {
    return this.#options.control.live;
  }

  async put(worker: WorkerId, text: string, ttl: number, expect: Expectation): Promise<number> {
    const expected = 'log' in expect ? { lastSequence: expect.log } : { lastSubjectSequence: expect.own };
    const { seq } = await this.#write(worker, text, {
      expect: expected,
      ...(ttl === Infinity ? {} : { ttl: `${Math.ceil(ttl / 1000)}s` }),
    });
    return seq;
  }

  async purge(worker: WorkerId, { own }: { readonly own: number }): Promise<void> {
    await this.#write(worker, '', removal(MARKER_TTL, own));
  }

  resync(): void {
    void this.#options.restore().finally(() => this.#watch.restart());
  }

  async #write(worker: WorkerId, text: string, options: Parameters<JetStreamClient['publish']>[2]): Promise<{ readonly seq: number }> {
    const { bucket, control } = this.#options;
    try {
      return await control.whileLive(this.#js.publish(subjectOf(bucket, worker), text, { timeout: WRITE_DEADLINE, ...options }));
    } catch (error) {
      if (isConflict(error)) throw new WriteConflict(positionIn(error));
      // Nobody takes the subject: a leader is being elected, or the bucket is gone.
      if (isUnanswered(error) && (await this.#options.restore())) this.#watch.restart();
      throw error;
    }
  }
}

/** The position that a refused write was told. */
function positionIn(error: unknown): number | undefined {
  const told = error instanceof JetStreamApiError ? /sequence: (\d+)/.exec(error.message)?.[1] : undefined;
  return told === undefined ? undefined : Number(told);
}
