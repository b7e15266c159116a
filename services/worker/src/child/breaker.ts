/**
 * Owns the decision whether a server that keeps failing may be started again. Pure: the clock and the
 * dice are passed in.
 *
 * Invariants, for each server by itself:
 *  1. Closed: starts are free. `failures` failed starts within `window` open it.
 *  2. Open: no start until the pause is over. The pause begins at `base` and doubles up to `cap`; jitter
 *     only lengthens it, so that the number of starts has a bound.
 *  3. Half open: one trial start. Its success closes, its failure opens again with the next pause; a trial
 *     that was given up leaves the place to another.
 *  4. Only servers with a recent failure are remembered: a pause that ended a window ago is forgotten.
 */
import { CausewayError } from '@causeway/protocol';

export interface BreakerOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Default 5. */
  readonly failures?: number;
  /** Milliseconds. Defaults: 60 s, 1 s, 60 s. */
  readonly window?: number;
  readonly base?: number;
  readonly cap?: number;
}

/** One start. The first of its outcomes counts; disposing of it without one gives it up. */
export interface Attempt extends Disposable {
  succeeded(): void;
  failed(): void;
}

export interface Breaker {
  /** Throws `server.crash_loop` with `retryAfter` while starts of the server are paused. */
  attempt(server: string): Attempt;
  /** Whether starts of the server are paused or on trial. */
  isOpen(server: string): boolean;
}

type Circuit =
  | { readonly kind: 'closed'; readonly failedAt: readonly number[] }
  | { readonly kind: 'open'; readonly until: number; readonly pause: number }
  | { readonly kind: 'trial'; readonly pause: number };

const CLOSED: Circuit = { kind: 'closed', failedAt: [] };
/** A pause is lengthened by up to this share of itself. */
const JITTER = 0.5;

export function createBreaker(options: BreakerOptions): Breaker {
  return new StartBreaker(options);
}

class StartBreaker implements Breaker {
  readonly #options: Required<BreakerOptions>;
  readonly #circuits = new Map<string, Circuit>();

  constructor(options: BreakerOptions) {
    this.#options = { failures: 5, window: 60_000, base: 1000, cap: 60_000, ...options };
  }

  isOpen(server: string): boolean {
    return this.#of(server).kind !== 'closed';
  }

  attempt(server: string): Attempt {
    const circuit = this.#of(server);
    const left = circuit.kind === 'open' ? circuit.until - this.#options.now() : circuit.kind === 'trial' ? circuit.pause : 0;
    if (left > 0) throw new CausewayError('server.crash_loop', { retryAfter: Math.ceil(left / 1000) });
    if (circuit.kind !== 'open')
      return this.#attempt(
        () => this.#circuits.delete(server),
        () => this.#count(server),
        () => {},
      );
    const trial: Circuit = { kind: 'trial', pause: circuit.pause };
    this.#circuits.set(server, trial);
    return this.#attempt(
      () => this.#circuits.delete(server),
      () => this.#circuits.set(server, this.#opened(trial.pause * 2)),
      () => this.#circuits.set(server, circuit),
    );
  }

  #attempt(success: () => void, failure: () => void, given: () => void): Attempt {
    let settled = false;
    const once = (outcome: () => void) => (): void => {
      if (settled) return;
      settled = true;
      outcome();
    };
    return { succeeded: once(success), failed: once(failure), [Symbol.dispose]: once(given) };
  }

  /** A start that began while all was well has failed. */
  #count(server: string): void {
    const circuit = this.#of(server);
    if (circuit.kind !== 'closed') return;
    const { now, window, failures, base } = this.#options;
    const failedAt = [...circuit.failedAt.filter((at) => at > now() - window), now()];
    this.#circuits.set(server, failedAt.length < failures ? { kind: 'closed', failedAt } : this.#opened(base));
    this.#forget();
  }

  #opened(pause: number): Circuit {
    const { now, random, cap } = this.#options;
    const bounded = Math.min(pause, cap);
    return { kind: 'open', pause: bounded, until: now() + Math.min(cap, bounded * (1 + JITTER * random())) };
  }

  #of(server: string): Circuit {
    const circuit = this.#circuits.get(server);
    return circuit === undefined || this.#isOld(circuit) ? CLOSED : circuit;
  }

  #isOld(circuit: Circuit): boolean {
    const old = this.#options.now() - this.#options.window;
    switch (circuit.kind) {
      case 'closed':
        return circuit.failedAt.every((at) => at <= old);
      case 'open':
        return circuit.until <= old;
      case 'trial':
        return false;
    }
  }

  #forget(): void {
    for (const [server, circuit] of this.#circuits) if (this.#isOld(circuit)) this.#circuits.delete(server);
  }
}
