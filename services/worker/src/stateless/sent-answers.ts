/**
 * Owns the answers that were sent a moment ago: an edge may lose its way to this worker just then, and asks again.
 *
 * Invariants: only the identity that was answered is answered again; they are bounded in number and bytes, the oldest are given
 * up first, and none is kept much longer than an edge may take to come back.
 */
import type { ControlHead, DownHead } from '@causeway/cluster';
import { Chain, Register, type Link, type Wheel } from '@causeway/runtime';
import { GRACE } from '../session/readers.ts';
import type { Stream } from '../session/stream.ts';

/** Those that are kept, and their bytes, together; few enough to be gone before the collector has to move them. */
export const MOST = { answers: 128, bytes: 1_048_576 };

interface Sent {
  readonly stream: Stream;
  readonly identity: string;
  readonly bytes: number;
  readonly at: number;
}

export interface SentAnswersDeps {
  readonly reply: (to: string | undefined, head: DownHead) => void;
  readonly wheel: Wheel;
  readonly now: () => number;
}

export class SentAnswers {
  readonly #deps: SentAnswersDeps;
  readonly #kept = new Chain<Sent>();
  readonly #byName = new Register<string, Link<Sent>>();
  #bytes = 0;
  #sweeping = false;

  constructor(deps: SentAnswersDeps) {
    this.#deps = deps;
  }

  /** The answer was sent, with all that came before it. */
  add(stream: Stream, identity: string): void {
    const { bytes } = stream;
    this.#byName.set(stream.name, this.#kept.add({ stream, identity, bytes, at: this.#deps.now() }));
    this.#bytes += bytes;
    while (this.#kept.size > MOST.answers || this.#bytes > MOST.bytes) this.#giveUp(this.#kept.first!);
    this.#sweepLater();
  }

  /** An edge asks for what follows the last frame that it has. `false`: that is not kept. */
  attach({ stream: name = '', after = 0, identity }: ControlHead, reply: string | undefined): boolean {
    const sent = this.#byName.get(name)?.value;
    if (sent?.identity !== identity || reply === undefined || !sent.stream.covers(after)) return false;
    this.#deps.reply(reply, { t: 'ok' });
    sent.stream.attach(reply, after);
    sent.stream.flush();
    // What the bus did not take is asked for once more.
    sent.stream.detach();
    return true;
  }

  #sweepLater(): void {
    if (this.#sweeping || this.#kept.size === 0) return;
    this.#sweeping = true;
    this.#deps.wheel.after(GRACE, () => {
      this.#sweeping = false;
      const past = this.#deps.now() - GRACE;
      for (let oldest = this.#kept.first; oldest && oldest.value.at <= past; oldest = this.#kept.first) this.#giveUp(oldest);
      this.#sweepLater();
    });
  }

  #giveUp(link: Link<Sent>): void {
    const { stream, bytes } = link.value;
    this.#kept.remove(link);
    this.#byName.delete(stream.name);
    this.#bytes -= bytes;
    stream.discard();
  }
}
