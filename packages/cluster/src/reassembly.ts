/**
 * Owns large messages on their way in, for one subscription: parts of one transfer arrive in order and
 * become one message; each part is acknowledged as it is taken.
 * Invariants: a message is delivered complete or not at all; what is being put together is bounded by the
 * size of one message and by a budget that all subscriptions of a bus share; a transfer whose next part
 * does not come in time is dropped and refused, upon which its sender says `undelivered`; one that is larger than what
 * is taken in here, or for which there is no room at the moment, is refused as well, and told to whoever it was for.
 */
import { MARK, readPart, TRANSFER_SILENCE, type Part } from './chunks.ts';
import type { BusMessage } from './bus.ts';

interface Assembly {
  readonly bytes: Buffer;
  readonly reply: string | undefined;
  filled: number;
  next: number;
  readonly timer: NodeJS.Timeout;
}

/** Bytes that all subscriptions of one bus may have in hand. */
export interface Budget {
  left: number;
}

export interface PartReceiverOptions {
  readonly maxMessageBytes: number;
  readonly budget: Budget;
  /** Sends an acknowledgement or a refusal to a transfer's address. */
  readonly answer: (address: string, payload: Buffer) => void;
  readonly deliver: (message: BusMessage) => void;
}

const REFUSAL = Buffer.of(MARK.refused);

function acknowledgement(index: number): Buffer {
  const out = Buffer.allocUnsafe(5);
  out[0] = MARK.taken;
  out.writeUInt32BE(index, 1);
  return out;
}

export class PartReceiver {
  readonly #options: PartReceiverOptions;
  /** By the address of the transfer, which only its sender uses. */
  readonly #assemblies = new Map<string, Assembly>();

  constructor(options: PartReceiverOptions) {
    this.#options = options;
  }

  /** Takes a payload that is marked as a part, or as the question whether its transfer is still known. */
  take(subject: string, address: string, payload: Buffer): void {
    if (payload[0] === MARK.probe) return this.#answerProbe(address);
    const part = readPart(payload);
    if (part === undefined) return;
    if (part.index === 0 && part.total > this.#options.maxMessageBytes) return this.#turnAway('too_large', subject, address, part.reply);
    const known = this.#assemblies.has(address);
    if (part.index === 0 && !known && part.total > this.#options.budget.left)
      return this.#turnAway('crowded', subject, address, part.reply);
    const assembly = part.index === 0 ? this.#begin(address, part) : this.#assemblies.get(address);
    if (assembly === undefined || part.index !== assembly.next || assembly.filled + part.data.length > assembly.bytes.length) {
      this.#refuse(address);
      return;
    }
    assembly.bytes.set(part.data, assembly.filled);
    assembly.filled += part.data.length;
    assembly.next += 1;
    assembly.timer.refresh();
    this.#options.answer(address, acknowledgement(part.index));
    if (assembly.filled < assembly.bytes.length) return;
    this.#forget(address);
    this.#options.deliver({ kind: 'data', subject, reply: assembly.reply, data: assembly.bytes });
  }

  /** Refuses what is incomplete: nobody listens any more, or parts of it may be lost. */
  close(): void {
    for (const address of [...this.#assemblies.keys()]) this.#refuse(address);
  }

  #answerProbe(address: string): void {
    const known = this.#assemblies.get(address);
    this.#options.answer(address, known === undefined ? REFUSAL : acknowledgement(known.next - 1));
  }

  #begin(address: string, part: Part): Assembly | undefined {
    const { budget } = this.#options;
    if (this.#assemblies.has(address)) return undefined;
    budget.left -= part.total;
    const assembly: Assembly = {
      bytes: Buffer.allocUnsafeSlow(part.total),
      reply: part.reply,
      filled: 0,
      next: 0,
      timer: setTimeout(() => this.#refuse(address), TRANSFER_SILENCE),
    };
    this.#assemblies.set(address, assembly);
    return assembly;
  }

  /** Its sender has another limit, or others were faster. The word comes before the refusal, which sounds as if nobody were here. */
  #turnAway(kind: 'too_large' | 'crowded', subject: string, address: string, reply: string | undefined): void {
    this.#options.deliver({ kind, subject, reply, data: Buffer.alloc(0) });
    this.#refuse(address);
  }

  #refuse(address: string): void {
    this.#forget(address);
    this.#options.answer(address, REFUSAL);
  }

  #forget(address: string): void {
    const assembly = this.#assemblies.get(address);
    if (assembly === undefined) return;
    clearTimeout(assembly.timer);
    this.#assemblies.delete(address);
    this.#options.budget.left += assembly.bytes.length;
  }
}
