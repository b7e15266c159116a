/**
 * Owns how well this process follows the log of the workers' records: how far it has seen, since when without a gap, and
 * what it may conclude from that.
 *
 * Invariants: `last` is a position up to which everything was seen or is nobody's any more; `whole` only while nothing that
 * somebody wrote can have been wiped unseen; what comes first after a silence may have waited, and tells nothing of time.
 */
import type { SeenRecord } from './records.ts';
import type { Time } from './time.ts';

/** Heartbeats within which a log that lives shows something. */
const HEARD_BEATS = 2.5;

/** Of late, since `since`, and for as long before that: the log's clock may be set back, or be another server's. */
interface Ahead {
  readonly since: number;
  readonly late: number;
  readonly before: number;
}

export class Following {
  readonly #time: Time;
  /** Milliseconds after which a log that shows nothing is silent. */
  readonly #silence: number;
  #last = 0;
  #since: number | undefined;
  #lastSeen = 0;
  /** By how much the log's clock is ahead of ours, as what came fastest tells. */
  #ahead: Ahead | undefined;
  #wipedSince: number | undefined;
  /** Until then records may be missing that were over here while nothing was seen: by then all who live have renewed theirs. */
  #blindUntil = -Infinity;
  #whole = false;

  constructor(time: Time, heartbeat: number) {
    this.#time = time;
    this.#silence = HEARD_BEATS * heartbeat;
  }

  /** The position up to which everything was seen. */
  get last(): number {
    return this.#last;
  }

  /** Since when; `undefined`: nothing is seen now. */
  get since(): number | undefined {
    return this.#since;
  }

  /** Since when the log is known to be without its first mark; `undefined` while it has it. */
  get wipedSince(): number | undefined {
    return this.#wipedSince;
  }

  /** Nothing that somebody holds can be unseen: the log was whole when this began, and is followed; one that is silent is not. */
  get whole(): boolean {
    const now = this.#time.now();
    return this.#whole && now - this.#lastSeen <= this.#silence && now >= this.#blindUntil;
  }

  /** Whether what was stored then, by the log's clock, was stored a moment ago. */
  isRecent(stored: number): boolean {
    const now = this.#time.now();
    if (this.#since === undefined || this.#ahead === undefined || now < this.#blindUntil) return false;
    const { late, before } = this.#ahead;
    return now + Math.max(late, before) - stored < this.#silence;
  }

  /** Everything there is was seen at once, with or without the log's first mark; says whether nothing was seen before. */
  snapshot(entries: readonly SeenRecord[], last: number, marked: boolean): boolean {
    const now = this.#time.now();
    const cut = this.#since === undefined;
    // What was written since is all here: nothing of it can have been wiped. Of a log that was made anew nobody knows that.
    const followed = !cut && entries.filter(({ sequence }) => sequence > this.#last).length === last - this.#last;
    this.#whole = marked || (this.#whole && followed);
    // While nothing was seen it may have been wiped once more.
    if (marked) this.#wipedSince = undefined;
    else if (!followed || this.#wipedSince === undefined) this.#wipedSince = now;
    this.#since ??= now;
    this.#lastSeen = now;
    this.#last = last;
    return cut;
  }

  /** One more was seen; `mark`: the log's first one has come, or has gone. */
  change({ sequence, stored }: SeenRecord, mark?: 'came' | 'went'): void {
    const now = this.#time.now();
    // What comes after a long silence may have waited: this process was stopped, or the watch was.
    if (now - this.#lastSeen > this.#silence) {
      if (this.#since !== undefined) this.#since = now;
      this.#ahead = undefined;
      this.#blindUntil = now + this.#silence;
    }
    this.#lastSeen = now;
    this.#ahead = this.#measured(stored - now, now);
    // What stood between may have been wiped. Who does not rely on the log by then waits no longer for that.
    if (this.#whole && this.#wipedSince !== undefined && sequence > this.#last + 1) [this.#whole, this.#wipedSince] = [false, now];
    this.#last = Math.max(this.#last, sequence);
    if (mark !== undefined) this.#wipedSince = mark === 'went' ? now : undefined;
    if (mark === 'came') this.#whole = true;
  }

  #measured(ahead: number, now: number): Ahead {
    const known = this.#ahead ?? { since: now, late: -Infinity, before: -Infinity };
    if (now - known.since > this.#silence) return { since: now, late: ahead, before: known.late };
    return { ...known, late: Math.max(known.late, ahead) };
  }

  /** A write that expected `last` stands at `sequence`: nothing lies between. */
  wrote(sequence: number): void {
    this.#last = Math.max(this.#last, sequence);
  }

  /** The log was wiped under us. */
  wiped(): void {
    this.#wipedSince = this.#time.now();
  }

  /** Nothing is seen any more until the next snapshot. */
  cut(): void {
    this.#since = undefined;
    this.#ahead = undefined;
  }
}
