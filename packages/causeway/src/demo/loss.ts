/**
 * Owns a part that a demo kills at one moment and starts again at another.
 * Invariants: it is started only once it is dead, however long it took to find out which part it is, and once; nothing is started
 * that was not killed.
 */
import type { Container } from './stack.ts';

export interface LossPorts {
  /** Which part it is; `undefined`: none. */
  pick(): Promise<Container | undefined>;
  kill(container: Container): Promise<void>;
  start(container: Container): Promise<void>;
}

export class Loss {
  readonly #ports: LossPorts;
  #dead: Promise<Container | undefined> | undefined;
  #back: Promise<void> | undefined;

  constructor(ports: LossPorts) {
    this.#ports = ports;
  }

  /** Resolves with what was killed. */
  begin(): Promise<Container | undefined> {
    return (this.#dead ??= this.#kill());
  }

  /** Resolves when it has been started again; at once where nothing was begun. */
  async end(): Promise<void> {
    if (this.#dead !== undefined) await (this.#back ??= this.#start(this.#dead));
  }

  async #start(dead: Promise<Container | undefined>): Promise<void> {
    const container = await dead;
    if (container !== undefined) await this.#ports.start(container);
  }

  async #kill(): Promise<Container | undefined> {
    const container = await this.#ports.pick();
    if (container !== undefined) await this.#ports.kill(container);
    return container;
  }
}
