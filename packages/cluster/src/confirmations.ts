/**
 * Owns who waits for the word of the store that a lease is still good.
 * Invariant: each is settled once: by the first acknowledged write that was sent after it began to wait, or by the end.
 */
import { CausewayError } from '@causeway/protocol';

export class Confirmations {
  readonly #waiting = new Set<{
    readonly from: number;
    readonly resolve: (position: number) => void;
    readonly reject: (error: Error) => void;
  }>();

  /** `from`: the time from which on a write counts. Resolves with where it stands. */
  add(from: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#waiting.add({ from, resolve, reject });
    return promise;
  }

  /** A write that was sent at that time was acknowledged, and stands at that position. */
  acknowledged(sent: number, position: number): void {
    for (const waiting of this.#waiting) if (waiting.from <= sent && this.#waiting.delete(waiting)) waiting.resolve(position);
  }

  close(): void {
    for (const { reject } of this.#waiting) reject(new CausewayError('cluster.unavailable'));
    this.#waiting.clear();
  }
}
