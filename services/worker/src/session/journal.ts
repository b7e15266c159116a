/**
 * Owns the bounded memory of one stream: its frames by position, so that a client that lost its
 * connection can be given what it missed, through any edge. Pure.
 *
 * Invariants: positions are 1, 2, 3, … without a gap; the newest frame is never dropped; what was dropped
 * is known to be missing, so that a replay has no hole that nobody notices.
 */
import type { Dispensable } from './lag.ts';

export interface Entry {
  readonly seq: number;
  readonly bytes: Buffer;
  /** The stream is complete with this frame. */
  readonly last: boolean;
  readonly index: number | undefined;
  /** The answer to initialize, where the server has granted it: the revision that it chose. */
  readonly opened: string | undefined;
  /** The HTTP status of an answer, where it is not 200. */
  readonly status: number | undefined;
  /** HTTP+SSE: the call that it answers. */
  readonly call: number | undefined;
  /** How the call that it answers failed, as figures name it. */
  readonly failed: string | undefined;
  /** It may be missed, where its reader lags. */
  readonly dispensable: Dispensable | undefined;
  /** It is tied to no call: it may ride any stream. */
  readonly loose: boolean | undefined;
}

/** What is known of a frame besides its bytes. */
export type FrameFacts = Partial<Omit<Entry, 'seq' | 'bytes' | 'last'>>;

export interface JournalLimits {
  readonly frames: number;
  readonly bytes: number;
}

export class Journal {
  /** Entries from `#first` on; the ones before are undefined until the array is cut. */
  #entries: Entry[] = [];
  #newest = 0;
  #bytes = 0;

  /** Position of the newest frame; 0 before the first. */
  get newest(): number {
    return this.#newest;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get frames(): number {
    return this.#entries.length;
  }

  append(bytes: Buffer, last: boolean, { index, opened, status, call, failed, dispensable, loose }: FrameFacts = {}): void {
    const entry: Entry = { seq: ++this.#newest, bytes, last, index, opened, status, call, failed, dispensable, loose };
    // Most hold one frame and are kept for a while; an array that grows makes room for many.
    if (this.#entries.length === 0) this.#entries = [entry];
    else this.#entries.push(entry);
    this.#bytes += bytes.length;
  }

  /** The frame at a position, if it is still kept. */
  at(seq: number): Entry | undefined {
    const oldest = this.#entries[0]?.seq ?? this.#newest + 1;
    return this.#entries[seq - oldest];
  }

  /** Other bytes at a position that nobody was given yet. */
  replace(seq: number, bytes: Buffer): void {
    const index = seq - (this.#entries[0]?.seq ?? 0);
    const before = this.#entries[index];
    if (!before) throw new Error(`position ${seq} is not kept`);
    this.#entries[index] = { ...before, bytes };
    this.#bytes += bytes.length - before.bytes.length;
  }

  /** Whether everything after `seq` is still kept, and `seq` itself was once given out. */
  covers(seq: number): boolean {
    return seq <= this.#newest && (seq === this.#newest || this.at(seq + 1) !== undefined);
  }

  /** Drops frames from the oldest on, up to position `upTo`, until the limits hold; the newest one stays. */
  trim(limits: JournalLimits, upTo: number): void {
    let dropped = 0;
    while (this.#entries.length - dropped > 1) {
      const oldest = this.#entries[dropped]!;
      if (oldest.seq > upTo) break;
      if (this.#entries.length - dropped <= limits.frames && this.#bytes <= limits.bytes) break;
      this.#bytes -= oldest.bytes.length;
      dropped += 1;
    }
    if (dropped > 0) this.#entries = this.#entries.slice(dropped);
  }

  /** Gives up everything up to `seq`. */
  forget(seq: number): void {
    let dropped = 0;
    for (const entry of this.#entries) {
      if (entry.seq > seq) break;
      this.#bytes -= entry.bytes.length;
      dropped += 1;
    }
    if (dropped > 0) this.#entries = this.#entries.slice(dropped);
  }

  /** Takes out the frames after `seq`, for another stream to carry on with. */
  takeAfter(seq: number): Entry[] {
    const from = this.#entries.findIndex((entry) => entry.seq > seq);
    if (from < 0) return [];
    const taken = this.#entries.splice(from);
    for (const entry of taken) this.#bytes -= entry.bytes.length;
    this.#newest = taken[0]!.seq - 1;
    return taken;
  }
}
