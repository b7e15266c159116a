/**
 * Owns the credit between a worker and the edge that a stream is sent to: how much may be on its way
 * before the client's socket has taken it. Pure.
 *
 * Invariants: something may always be sent when nothing is on its way, however large it is; credit for a
 * position counts once.
 */

export interface FlowLimits {
  /** Frames on their way. */
  readonly frames: number;
  /** Bytes on their way. */
  readonly bytes: number;
}

export class Flow {
  readonly #limits: FlowLimits;
  /** Position and size of each frame that is on its way, oldest first. */
  readonly #out: { readonly seq: number; readonly size: number }[] = [];
  #bytes = 0;

  constructor(limits: FlowLimits) {
    this.#limits = limits;
  }

  /** Whether one more frame may be sent now. */
  get open(): boolean {
    return this.#out.length === 0 || (this.#out.length < this.#limits.frames && this.#bytes < this.#limits.bytes);
  }

  sent(seq: number, size: number): void {
    this.#out.push({ seq, size });
    this.#bytes += size;
  }

  /** The client's socket has taken everything up to `seq`. */
  credit(seq: number): void {
    let taken = 0;
    for (const frame of this.#out) {
      if (frame.seq > seq) break;
      this.#bytes -= frame.size;
      taken += 1;
    }
    this.#out.splice(0, taken);
  }

  /** Nothing is on its way any more: the stream was taken elsewhere. */
  reset(): void {
    this.#out.length = 0;
    this.#bytes = 0;
  }
}
