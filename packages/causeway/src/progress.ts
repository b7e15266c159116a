/**
 * Owns how work on several things at once looks on stderr: on a terminal a line for each that moves, elsewhere one at its
 * beginning and one at its end. Keeps: what others say cannot steer the terminal; nothing moves after `close`.
 */
import { say } from './failure.ts';

interface Item {
  readonly since: number;
  /** What it says of itself at this moment. */
  words: () => string | undefined;
}

/** Milliseconds between two pictures. */
const FRAME = 200;
const NO_WRAP = '\u001b[?7l';
const WRAP = '\u001b[?7h';

export class Progress implements Disposable {
  readonly #moves = process.stderr.isTTY;
  readonly #items = new Map<string, Item>();
  readonly #timer: NodeJS.Timeout | undefined;
  #drawn = 0;

  constructor() {
    if (this.#moves) this.#timer = setInterval(() => this.#draw(), FRAME).unref();
  }

  begin(name: string, what: string): Item {
    const item: Item = { since: performance.now(), words: () => undefined };
    this.#items.set(name, item);
    if (!this.#moves) say(`${name}: ${what}`);
    return item;
  }

  /** Milliseconds that it took; `tell` says how it went. */
  end(name: string, tell: (ms: number) => void): void {
    const ms = performance.now() - (this.#items.get(name)?.since ?? performance.now());
    this.#items.delete(name);
    this.#wipe();
    tell(ms);
    if (this.#moves) this.#draw();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#wipe();
  }

  #wipe(): void {
    if (this.#drawn > 0) process.stderr.write(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#drawn = 0;
  }

  #draw(): void {
    this.#wipe();
    const lines = [...this.#items].map(([name, { since, words }]) => {
      const said = words();
      return `… ${name}  ${seconds(performance.now() - since)}${said === undefined ? '' : `  | ${said}`}`;
    });
    // A line that wrapped would be two to wipe.
    if (lines.length > 0) process.stderr.write(`${NO_WRAP}${lines.join('\n')}\n${WRAP}`);
    this.#drawn = lines.length;
  }
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
