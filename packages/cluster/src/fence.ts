/**
 * Owns how long the right lasts that a worker's last acknowledged write gave, counted on monotonic time from the moment
 * at which that write was sent, and when it is in doubt before.
 *
 * Invariants: nobody else takes the record away before the right is over or in doubt, wherever this worker may be found
 * by others or not; a doubt ends with the acknowledgement of a write that was sent after what it came from, by nothing else.
 */
import { LEFT_BEATS, type LeaseTimes } from './ledger.ts';
import type { Time } from './time.ts';

export interface FenceDeps {
  readonly time: Time;
  readonly times: LeaseTimes;
  /** The server that this process is at may be cut off from most of the others: these find nobody here, although it goes on. */
  readonly minority: () => boolean;
  /** Told when the right is over. */
  readonly over: () => void;
}

export class Fence {
  readonly #deps: FenceDeps;
  #sent: number;
  /** When this process was last seen in a minority, unless a write that was sent after that is acknowledged. */
  #apartAt: number | undefined;
  #cancel: () => void = () => undefined;

  constructor(deps: FenceDeps) {
    this.#deps = deps;
    this.#sent = deps.time.now();
  }

  /** Milliseconds since the last acknowledged write was sent, or since the beginning. */
  get age(): number {
    return this.#deps.time.now() - this.#sent;
  }

  /** Milliseconds of the right that are left. */
  get left(): number {
    return Math.max(0, this.#deps.times.fence - this.age);
  }

  /** Others have heard nothing for so long that they take this worker for one that has left, if nobody is found here. */
  get old(): boolean {
    return this.age >= LEFT_BEATS * this.#deps.times.heartbeat;
  }

  /** By what they hear and find, others may have taken this worker for one that has left (`Ledger.depose`). */
  doubtful(): boolean {
    const { minority, time } = this.#deps;
    if (minority()) this.#apartAt = time.now();
    return this.#apartAt !== undefined && this.old;
  }

  /** A write that was sent then is acknowledged. */
  acknowledged(sent: number): void {
    this.#sent = sent;
    if (this.#apartAt !== undefined && this.#apartAt < sent) this.#apartAt = undefined;
    this.#cancel();
    const { left } = this;
    if (left > 0) this.#cancel = this.#deps.time.after(left, this.#deps.over);
  }

  cancel(): void {
    this.#cancel();
  }
}
