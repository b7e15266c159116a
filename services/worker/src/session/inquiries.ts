/**
 * Owns the bridge's own requests to a child: the handshake that is said again, what was standing, whether it lives.
 * Invariants: an id is used once in the life of a child, calls included; each is settled once, by its answer or by
 * the end of the session.
 */
import { echoedAt, requestOf, type CausewayError, type Frame } from '@causeway/protocol';

export class Inquiries {
  readonly #mint: () => number;
  readonly #waiting = new Map<number, { readonly resolve: (answer: Frame) => void; readonly reject: (error: Error) => void }>();

  /** `mint` gives an id that no call has. */
  constructor(mint: () => number) {
    this.#mint = mint;
  }

  /** Sends by `write`, which may throw, and resolves with the child's answer, be it an error. `params`: raw JSON text. */
  ask(method: string, params: string, write: (bytes: Buffer) => void): Promise<Frame> {
    const id = this.#mint();
    const { promise, resolve, reject } = Promise.withResolvers<Frame>();
    this.#waiting.set(id, { resolve, reject });
    try {
      write(requestOf(id, method, params));
    } catch (error) {
      this.#waiting.delete(id);
      reject(error);
    }
    return promise;
  }

  /** Whether the response was to one of these. */
  settle(frame: Frame): boolean {
    if (this.#waiting.size === 0) return false;
    const id = echoedAt(frame.bytes, frame.id);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.resolve(frame);
    return waiting !== undefined;
  }

  close(why: CausewayError): void {
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
  }
}
