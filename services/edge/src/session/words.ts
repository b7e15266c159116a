/**
 * Owns telling workers what needs no answer: what a client has read, that it has left, that a call was given up here.
 *
 * Invariants: that a client has left, or that a call was given up, is told once the bus is back, if it could not be told before,
 * and once more after a connection that may have been lost before it was told: nothing else tells of a quiet stream that nobody
 * reads it any more; what waits for that is bounded.
 */
import { Envelope, offer, type Bus, type ControlHead } from '@causeway/cluster';

const MOST = 10_000;
/** Milliseconds until a connection that carries nothing is known to be lost. */
const UNNOTICED = 20_000;

export class Words {
  readonly #bus: Bus;
  readonly #now: () => number;
  #late: (() => void)[] = [];
  /** What is told again, and until when; the oldest first. */
  #insisted: { readonly until: number; readonly tell: () => boolean }[] = [];

  constructor(bus: Bus, now: () => number) {
    this.#bus = bus;
    this.#now = now;
  }

  tell(subject: string, head: ControlHead): void {
    const tell = (): boolean => offer(() => this.#bus.publish(subject, new Envelope(head)));
    const told = tell();
    if (head.t !== 'detach') return;
    if (!told) return this.later(() => this.tell(subject, head));
    this.#forget();
    if (this.#insisted.length < MOST) this.#insisted.push({ until: this.#now() + UNNOTICED, tell });
  }

  /** Does it when the bus is back. */
  later(tell: () => void): void {
    if (this.#late.length < MOST) this.#late.push(tell);
  }

  /** The bus is back. */
  resume(): void {
    const late = this.#late;
    this.#late = [];
    this.#forget();
    for (const { tell } of this.#insisted) tell();
    for (const tell of late) tell();
  }

  #forget(): void {
    const now = this.#now();
    const first = this.#insisted.findIndex(({ until }) => until > now);
    this.#insisted = first < 0 ? [] : this.#insisted.slice(first);
  }
}
