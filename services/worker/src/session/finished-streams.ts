/**
 * Owns which finished streams of a session are remembered for a replay.
 *
 * Invariants: they are bounded in frames, bytes and age together; of those that were sent to their end only the newest
 * are remembered; one that somebody is still being sent is not given up.
 */
import { Chain } from '@causeway/runtime';
import type { Stream } from './stream.ts';
import type { FinishedStream, StreamLimits } from './stream-ports.ts';

export interface FinishedLimits extends StreamLimits {
  /** Milliseconds that a finished stream is kept. */
  readonly age: number;
}

/**
 * Finished streams that are remembered although they were sent to their end, for the answers that were on their way when
 * a client's connection broke: so many of a session that has one call at a time, and so many more for each call that ran beside
 * it at its busiest, for those go on while a connection is made anew. Few enough to be gone before the collector
 * has to move them.
 */
const SENT = { alone: 4, beside: 14, most: 32 };

export class FinishedStreams {
  readonly #limits: FinishedLimits;
  readonly #given: (stream: Stream) => void;
  readonly #kept = new Chain<FinishedStream>();
  /** The sums of what is booked. */
  #frames = 0;
  #bytes = 0;

  /** `given`: told of a stream that is given up. */
  constructor(limits: FinishedLimits, given: (stream: Stream) => void) {
    this.#limits = limits;
    this.#given = given;
  }

  /** Remembers the stream, as long as there is room. `width`: how many calls have run at once, at most. */
  add(stream: Stream, now: number, width: number): void {
    this.forget(stream);
    const { frames, bytes } = stream;
    stream.finished = this.#kept.add({ stream, at: now, frames, bytes });
    this.#frames += frames;
    this.#bytes += bytes;
    const most = Math.min(SENT.alone + SENT.beside * Math.max(0, width - 1), SENT.most);
    const aged = now - this.#limits.age;
    this.#giveUpWhile(({ at }) => at < aged);
    // What was sent to the end is most likely not asked for again; what its reader left before the end is.
    this.#giveUpWhile(
      () => this.#over || this.#kept.size > most,
      (old) => old !== stream && !old.awaited,
    );
    this.#giveUpWhile(
      () => this.#over,
      (old) => old !== stream && old.awaited,
    );
  }

  /** Takes a stream off the account, with what was booked for it. */
  forget(stream: Stream): void {
    const { finished } = stream;
    if (!finished) return;
    this.#kept.remove(finished);
    stream.finished = undefined;
    this.#frames -= finished.value.frames;
    this.#bytes -= finished.value.bytes;
  }

  /** More is kept than may be. */
  get #over(): boolean {
    return this.#frames > this.#limits.frames || this.#bytes > this.#limits.bytes;
  }

  /** Gives up streams from the oldest on, as long as there is need, but for those that are not `meant`. */
  #giveUpWhile(need: (oldest: FinishedStream) => boolean, meant?: (stream: Stream) => boolean): void {
    let link = this.#kept.first;
    while (link && need(link.value)) {
      const { stream } = link.value;
      link = link.after;
      if (stream.blocked || meant?.(stream) === false) continue;
      this.forget(stream);
      this.#given(stream);
    }
  }
}
