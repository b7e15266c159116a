/**
 * Owns what a server says in the middle of a call while that waits for its client: progress and logs, for which nobody
 * is there. The client hears them with its next request.
 *
 * Invariants: they keep their order; there is a bound on their number and on their bytes, beyond which the oldest goes;
 * what is kept holds no more memory than its own bytes.
 */
import type { Frame } from '@causeway/protocol';

const MOST = 64;
const BYTES = 64 * 1024;

export class Meanwhile {
  #frames: Frame[] = [];
  #bytes = 0;

  add(frame: Frame): void {
    // A line of a server lies in what was read at once with others.
    this.#frames.push({ ...frame, bytes: Buffer.from(frame.bytes) });
    this.#bytes += frame.bytes.length;
    while (this.#frames.length > MOST || this.#bytes > BYTES) this.#bytes -= this.#frames.shift()!.bytes.length;
  }

  /** What was kept, in its order; it is kept no longer. */
  take(): readonly Frame[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return frames;
  }
}
