/**
 * Owns the child's questions to the client (sampling, elicitation, roots, ping): the id that the client
 * sees, and the way back to the child's. The answer may arrive through any edge.
 *
 * Invariants: an id given to a client is used once in the life of the session, whatever ids the child uses (0 and ""
 * included), and whoever owns the session: each epoch has a range of its own; an answer is delivered at most once; questions are bounded in number, and the
 * oldest, which its client has let be for the longest time, makes room.
 */
import { echoedAt, slice, splice, withId, type Frame, type Span } from '@causeway/protocol';

export const MAX_QUESTIONS = 256;
/** Questions that one owner may ask under its epoch. */
const RANGE = 1_000_000_000;

export class Callbacks {
  /** The child's raw id by the number that the client was given. */
  readonly #asked = new Map<number, Buffer>();
  #next: number;

  /** `epoch`: that of the session, from 1 on. */
  constructor(epoch: number) {
    this.#next = (epoch - 1) * RANGE + 1;
  }

  get size(): number {
    return this.#asked.size;
  }

  /** The question with an id of ours. `givenUp` is the child's id of a question that had to make room. */
  ask(frame: Frame): { readonly bytes: Buffer; readonly givenUp: Buffer | undefined } {
    const [oldest] = this.#asked.size >= MAX_QUESTIONS ? this.#asked : [];
    if (oldest) this.#asked.delete(oldest[0]);
    const minted = this.#next++;
    if (frame.id) this.#asked.set(minted, Buffer.from(slice(frame.bytes, frame.id)));
    return { bytes: withId(frame, Buffer.from(String(minted))), givenUp: oldest?.[1] };
  }

  /**
   * Hands the client's answer to `deliver` with the child's id, and closes the question unless that throws: an
   * answer that was refused may come again. `false` if nothing is asked under this id.
   */
  answer(body: Buffer, id: Span, deliver: (bytes: Buffer) => void): boolean {
    const minted = echoedAt(body, id);
    const childId = this.#asked.get(minted);
    if (!childId) return false;
    deliver(splice(body, [{ span: id, bytes: childId }]));
    this.#asked.delete(minted);
    return true;
  }

  /** The child takes a question back: the notification with our id, or `undefined` if it was answered. */
  withdraw(frame: Frame): Buffer | undefined {
    if (!frame.requestId) return undefined;
    const childId = slice(frame.bytes, frame.requestId);
    for (const [minted, id] of this.#asked) {
      if (!id.equals(childId)) continue;
      this.#asked.delete(minted);
      return splice(frame.bytes, [{ span: frame.requestId, bytes: Buffer.from(String(minted)) }]);
    }
    return undefined;
  }
}
