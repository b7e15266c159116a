/**
 * Owns one worker's record in NATS and the right that comes with it.
 * Invariants:
 *  1. One write is in flight at most; heartbeats and changes go through the same loop, so neither undoes the other.
 *  2. Every write is a compare-and-swap on the record itself: one that was delayed cannot overwrite a later
 *     one, nor bring a record back that was given up. The record has no other writer, so a conflict only
 *     teaches the present sequence.
 *  3. The fence counts from the moment the last acknowledged write was sent, on this process's monotonic
 *     clock; an acknowledgement that comes after it revives nothing.
 *  4. A record that vanished while the lease is held is written again at once.
 */
import { CausewayError } from '@causeway/protocol';
import { JetStreamApiError, type JetStreamClient } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import type { Lease, LeaseTimes, WorkerRecord } from '../ledger.ts';
import { MARKER_TTL, subjectOf } from './buckets.ts';
import { RECONNECT, type Link } from './link.ts';
import { isConflict } from './patience.ts';

/** Milliseconds for which changes are gathered. */
const GATHER = 50;
const RETRY = 250;
/** Milliseconds until a write counts as failed. */
const WRITE_DEADLINE = 2_000;

export interface NatsLeaseOptions {
  readonly js: JetStreamClient;
  readonly bucket: string;
  readonly times: LeaseTimes;
  readonly link: Link;
  /** Told once, when the lease is over for whatever reason. */
  readonly ended: () => void;
}

export class NatsLease implements Lease {
  readonly #options: NatsLeaseOptions;
  readonly #subject: string;
  readonly #lost = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #record: WorkerRecord;
  /** Sequence of the record as last known; 0 for none. */
  #sequence = 0;
  /** When the last acknowledged write was sent, or this lease was asked for. */
  #sent = performance.now();
  #held = false;
  #dirty = true;
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #fence: NodeJS.Timeout | undefined;

  constructor(record: WorkerRecord, options: NatsLeaseOptions) {
    this.#record = record;
    this.#options = options;
    this.#subject = subjectOf(options.bucket, record.worker);
  }

  /** Writes the record for the first time; rejects with `cluster.unavailable` after `deadline` milliseconds. */
  async open(deadline: number): Promise<void> {
    const { link } = this.#options;
    const timer = setTimeout(() => this.#end(), deadline);
    const stop = link.onChange(() => void link.whenLive(RECONNECT).catch(() => this.#end()));
    this.poke();
    await this.#first.promise.finally(() => {
      clearTimeout(timer);
      stop();
    });
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  remaining(): number {
    if (!this.#held || this.lost.aborted) return 0;
    const left = this.#sent + this.#options.times.fence - performance.now();
    if (left > 0) return left;
    this.#end();
    return 0;
  }

  update(change: Parameters<Lease['update']>[0]): void {
    this.#record = { ...this.#record, ...change };
    if (this.#dirty) return;
    this.#dirty = true;
    if (this.#writing === undefined) this.#schedule(GATHER);
  }

  /** Writes now, e.g. after a new connection. */
  poke(): void {
    this.#dirty = true;
    if (this.#writing === undefined) this.#schedule(0);
  }

  /** What the watch saw of the record: its sequence, and whether it is gone. */
  seen(revision: number, gone: boolean): void {
    if (revision <= this.#sequence) return;
    this.#sequence = revision;
    if (gone && this.#held) this.poke();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.lost.aborted) return;
    const { js, link } = this.#options;
    this.#end();
    await this.#writing;
    if (!link.live) return;
    const purge = headers();
    purge.set('KV-Operation', 'PURGE');
    purge.set('Nats-Rollup', 'sub');
    const expect = { lastSubjectSequence: this.#sequence };
    // if it fails, the record ends by itself
    await js
      .publish(this.#subject, '', { headers: purge, ttl: `${MARKER_TTL / 1000}s`, expect, timeout: WRITE_DEADLINE })
      .catch(() => undefined);
  }

  #schedule(ms: number): void {
    if (this.lost.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#writing = this.#beat();
    }, ms);
  }

  async #beat(): Promise<void> {
    const pause = await this.#write();
    this.#writing = undefined;
    if (pause !== undefined) this.#schedule(pause);
  }

  /** Milliseconds until the next write; `undefined` if a new connection must come first. */
  async #write(): Promise<number | undefined> {
    const { js, times, link } = this.#options;
    if (!link.live) return undefined;
    const sent = performance.now();
    this.#dirty = false;
    try {
      const write = js.publish(this.#subject, JSON.stringify(this.#record), {
        ttl: `${Math.ceil(times.ttl / 1000)}s`,
        expect: { lastSubjectSequence: this.#sequence },
        timeout: Math.min(WRITE_DEADLINE, times.ttl / 2),
      });
      const ack = await link.whileLive(write);
      this.#sequence = Math.max(this.#sequence, ack.seq);
      this.#acknowledged(sent);
    } catch (error) {
      this.#dirty = true;
      return isConflict(error) && this.#learn(error) ? 0 : RETRY + Math.random() * RETRY;
    }
    return this.#dirty ? GATHER : times.heartbeat;
  }

  /** Takes the sequence that a refused write was told; whether that was new. */
  #learn(error: unknown): boolean {
    const told = error instanceof JetStreamApiError ? /sequence: (\d+)/.exec(error.message)?.[1] : undefined;
    if (told === undefined || Number(told) === this.#sequence) return false;
    this.#sequence = Number(told);
    return true;
  }

  #acknowledged(sent: number): void {
    if (this.lost.aborted) return;
    if (this.#held && this.remaining() === 0) return;
    this.#sent = sent;
    this.#held = true;
    clearTimeout(this.#fence);
    const left = this.remaining();
    if (left === 0) return;
    this.#fence = setTimeout(() => this.#end(), left);
    this.#first.resolve();
  }

  #end(): void {
    if (this.lost.aborted) return;
    clearTimeout(this.#timer);
    clearTimeout(this.#fence);
    this.#lost.abort();
    this.#first.reject(
      new CausewayError('cluster.unavailable', {
        message: 'The worker could not be entered in the NATS ledger in time. Check the state of JetStream.',
      }),
    );
    this.#first.promise.catch(() => undefined);
    this.#options.ended();
  }
}
