/**
 * Owns telling workers what needs no answer: what a client has read, and that it has left.
 *
 * Invariants: that a client has left is told once the bus is back, if it could not be told before; what waits for that
 * is bounded, and what is lost is found out otherwise.
 */
import { encode, offer, type Bus, type ControlHead } from '@causeway/cluster';

const MOST = 10_000;

export class Words {
  readonly #bus: Bus;
  #late: (() => void)[] = [];

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  tell(subject: string, head: ControlHead): void {
    if (offer(() => this.#bus.publish(subject, encode(head)))) return;
    if (head.t === 'detach') this.later(() => this.tell(subject, head));
  }

  /** Does it when the bus is back. */
  later(tell: () => void): void {
    if (this.#late.length < MOST) this.#late.push(tell);
  }

  /** The bus is back. */
  resume(): void {
    const late = this.#late;
    this.#late = [];
    for (const tell of late) tell();
  }
}
