/**
 * Owns a part that a demo kills at one moment and starts again at another.
 * Invariants: it is started only once it is dead, however long it took to find out which part it is; nothing is started that was not killed.
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
  readonly #dead = Promise.withResolvers<Container | undefined>();

  constructor(ports: LossPorts) {
    this.#ports = ports;
  }

  /** Resolves with what was killed. */
  async begin(): Promise<Container | undefined> {
    this.#dead.resolve(this.#kill());
    return this.#dead.promise;
  }

  async end(): Promise<void> {
    const container = await this.#dead.promise;
    if (container !== undefined) await this.#ports.start(container);
  }

  async #kill(): Promise<Container | undefined> {
    const container = await this.#ports.pick();
    if (container !== undefined) await this.#ports.kill(container);
    return container;
  }
}
