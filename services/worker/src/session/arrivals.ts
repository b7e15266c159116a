/**
 * Owns knowing which messages have come: a bus may deliver one twice. Requests over Streamable HTTP have a stream each,
 * which knows as much (`streams.ts`).
 *
 * Invariants: of the last `LEAST` messages none is new twice; a message is known by the address of its exchange, and its
 * place in its batch. Pure.
 */
import { Recent } from '@causeway/runtime';

const LEAST = 256;

export class Arrivals {
  readonly #known = new Recent<string>(LEAST);

  /** Whether the message has not come before. `reply`: where its edge listens for it alone. */
  isNew(reply: string, index = 0): boolean {
    const name = `${reply} ${index}`;
    if (this.#known.has(name)) return false;
    this.#known.add(name);
    return true;
  }

  /** It was refused: should it come again, it is judged anew. */
  forget(reply: string, index = 0): void {
    this.#known.delete(`${reply} ${index}`);
  }
}
