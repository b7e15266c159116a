/**
 * Owns for how long readers that lag hold up a child that others wait for: the child of a session, or of a pool.
 *
 * Invariants: a child is not read while somebody lags, unless somebody else waits for it who keeps up: then those that lag
 * hold it for `PATIENCE` at most, each once until it has caught up, and are overtaken; what comes for them meanwhile is
 * bounded (lag.ts), and what they miss of it is counted in the log.
 */
import type { Log, Wheel } from '@causeway/runtime';
import type { Stream } from './stream.ts';

/** Milliseconds for which a reader that lags may hold up those that others wait for: one that reads needs fewer. */
export const PATIENCE = 250;

/** Whoever reads a stream, as far as others that need its child are concerned. */
export type Reader = Pick<Stream, 'blocked' | 'lags' | 'lag'>;

export interface PatienceDeps {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly wheel: Wheel;
  /** The time of some of those that lag is over. */
  readonly over: () => void;
}

export class Patience {
  readonly #deps: PatienceDeps;
  #cancel: (() => void) | undefined;

  constructor(deps: PatienceDeps) {
    this.#deps = deps;
  }

  /** Whether it is at its end: the child is read although these lag. `needed`: somebody waits for it who keeps up. */
  ends(lagging: readonly Reader[], needed: boolean): boolean {
    const now = this.#deps.now();
    const wait = Math.max(...lagging.map((reader) => reader.lags(now) + PATIENCE - now));
    if (!needed) return false;
    if (wait > 0) {
      this.#cancel ??= this.#deps.wheel.after(wait, () => {
        this.#cancel = undefined;
        this.#deps.over();
      });
      return false;
    }
    for (const { lag } of lagging) lag?.overtake();
    return true;
  }

  /** Nobody lags. */
  rest(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

/** Says how much was not kept for a reader that has caught up, or is gone. */
export function tellMissed({ lag }: Reader, log: Log): void {
  const missed = lag?.takeMissed() ?? 0;
  if (missed > 0) log.warn({ missed }, 'messages that may be missed were not kept for a reader that lags');
}
