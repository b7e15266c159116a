/**
 * Owns the messages of a client that wait until their session may be touched: while it is taken over, while its
 * worker's lease is in doubt, while it is given up.
 *
 * Invariants: the reasons to wait are a set; messages are let through in their order, or refused, each once; their
 * number is bounded, and how long each waits: whoever sent it would have given up; of what came twice nothing is let through
 * once its sender was refused.
 */
import { CausewayError } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';

/** `taking_over`: the child is not there yet. `lease`: there is none, or not for it yet. `doubt`: whether it is good is not known. `finishing`, `retiring`: what runs is finished, and nothing is begun, since its worker, or the edge of its one stream, leaves. */
export type HoldReason = 'taking_over' | 'lease' | 'doubt' | 'finishing' | 'retiring';

/** What a client sends besides requests finishes what runs. */
const ENDINGS: ReadonlySet<HoldReason> = new Set(['finishing', 'retiring']);

export interface Held {
  readonly bytes: number;
  /** Where its sender listens. */
  readonly reply: string | undefined;
  readonly pass: () => void;
}

/** `late`: the session is still here, but could not be touched in time, or too many wait; otherwise it has ended. */
export type Refuse = (reply: string | undefined, late?: CausewayError) => void;

const MOST = 256;
const MOST_BYTES = 16 * 1024 * 1024;
const CROWDED = 'Too many messages wait until this session may be touched again.';

interface Wait {
  /** Ends its patience. */
  readonly cancel: () => void;
  /** `HoldDeps.stops` when it came. */
  readonly stops: number;
}

export interface HoldDeps {
  readonly wheel: Wheel;
  /** Milliseconds that a message may wait. */
  readonly patience: number;
  readonly refuse: Refuse;
  /** As `Standstill.stops`. */
  readonly stops: () => number;
}

const ownerSilent = (): CausewayError => new CausewayError('cluster.owner_silent', { retryAfter: 2 });

export class Hold {
  readonly #wheel: Wheel;
  readonly #patience: number;
  readonly #refuse: Refuse;
  readonly #stops: () => number;
  readonly #reasons = new Set<HoldReason>();
  readonly #waiting = new Map<Held, Wait>();
  #bytes = 0;

  constructor({ wheel, patience, refuse, stops }: HoldDeps) {
    this.#wheel = wheel;
    this.#patience = patience;
    this.#refuse = refuse;
    this.#stops = stops;
  }

  /** Whether a message of this kind need not wait. While calls are finished, what finishes them gets through. */
  passes(kind: 'request' | 'notification' | 'response'): boolean {
    if (this.#reasons.size === 0) return true;
    return kind !== 'request' && this.#reasons.isSubsetOf(ENDINGS);
  }

  has(reason: HoldReason): boolean {
    return this.#reasons.has(reason);
  }

  /** Whether the child may be touched: the worker's lease is there, and not in doubt. */
  get touchable(): boolean {
    return !this.has('lease') && !this.has('doubt');
  }

  begin(reason: HoldReason): void {
    this.#reasons.add(reason);
  }

  /** One reason fewer; what waits is let through by `pass`. */
  lift(reason: HoldReason): void {
    this.#reasons.delete(reason);
  }

  /** Lets everything through, if no reason is left; what came before a long stop is refused. */
  pass(): void {
    if (this.#reasons.size > 0) return;
    const refused = new Set<string>();
    for (const [{ pass, reply }, { stops }] of this.#take()) {
      const twin = reply !== undefined && refused.has(reply);
      if (stops === this.#stops() && !twin) {
        pass();
        continue;
      }
      if (reply !== undefined) refused.add(reply);
      this.#refuse(reply, ownerSilent());
    }
  }

  end(reason: HoldReason): void {
    this.lift(reason);
    this.pass();
  }

  /** The message waits, or is refused at once. */
  keep(message: Held): void {
    const full = this.#waiting.size >= MOST || (this.#bytes > 0 && this.#bytes + message.bytes > MOST_BYTES);
    if (full) return this.#refuse(message.reply, new CausewayError('server.busy', { message: CROWDED, retryAfter: 1 }));
    this.#bytes += message.bytes;
    const late = (): void => {
      const twins = [...this.#waiting.keys()].filter(({ reply }) => reply !== undefined && reply === message.reply);
      for (const one of new Set([message, ...twins])) {
        this.#drop(one);
        this.#refuse(one.reply, ownerSilent());
      }
    };
    this.#waiting.set(message, { cancel: this.#wheel.after(this.#patience, late), stops: this.#stops() });
  }

  /** Nothing is let through any more. */
  refuse(): void {
    for (const [message] of this.#take()) this.#refuse(message.reply);
  }

  #take(): readonly (readonly [Held, Wait])[] {
    const waiting = [...this.#waiting];
    for (const [message] of waiting) this.#drop(message);
    return waiting;
  }

  #drop(message: Held): void {
    this.#waiting.get(message)?.cancel();
    this.#waiting.delete(message);
    this.#bytes -= message.bytes;
  }
}
