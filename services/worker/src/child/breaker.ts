/**
 * Owns the decision whether a server that keeps failing may be started again, and for whom. Pure: the clock and the
 * dice are passed in.
 *
 * Invariants, for each circuit by itself; every server has one, and one for each identity whose starts of it failed:
 *  1. Closed: starts are free. `failures` failed starts within `window` open it.
 *  2. Open: no start until the pause is over. The pause begins at `base` and doubles up to `cap`; jitter
 *     only lengthens it, so that the number of starts has a bound.
 *  3. Half open: one trial start. Its success closes, its failure opens again with the next pause; a trial
 *     that was given up leaves the place to another.
 *  4. Only recent failures are remembered: a pause that ended a window ago is forgotten. Circuits of identities have a bound.
 * And between them:
 *  5. A start for an identity needs both circuits, its own and the server's, and its outcome is told to both.
 *  6. No identity opens the server's circuit, or keeps it open, by itself: of the failures that open it at most half, rounded
 *     up, are one identity's, and whoever failed the last trial is let try later than all others.
 *  7. Starts for nobody in particular, and for clients that nobody vouches for, are the server's alone.
 */
import { ANONYMOUS, CausewayError, type Identity } from '@causeway/protocol';

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
  /**
   * `identity`: at whose request, where the child gets to read what its client wrote. Throws `server.crash_loop` with
   * `retryAfter` while starts of the server are paused, for all or for this identity.
   */
  attempt(server: string, identity?: Identity): Attempt;
  /** Whether starts of the server are paused or on trial for all. */
  isOpen(server: string): boolean;
  /** It is started otherwise now: its failures say nothing of that. */
  forget(server: string): void;
}

/** `by`: at whose request, where that is told apart. */
interface Failure {
  readonly at: number;
  readonly by: Identity | undefined;
}

type Circuit =
  | { readonly kind: 'closed'; readonly failed: readonly Failure[] }
  | { readonly kind: 'open'; readonly until: number; readonly pause: number; readonly by: Identity | undefined }
  | { readonly kind: 'trial'; readonly pause: number };

/** One circuit that a start concerns. */
interface Leg {
  readonly key: string;
  readonly by: Identity | undefined;
}

interface Outcomes {
  readonly success: () => void;
  readonly failure: () => void;
  readonly given: () => void;
}

const CLOSED: Circuit = { kind: 'closed', failed: [] };
/** A pause is lengthened by up to this share of itself. */
const JITTER = 0.5;
/** Circuits of identities that are remembered; beyond it the oldest is forgotten. A trial ends by itself. */
const MOST = 1024;

export function createBreaker(options: BreakerOptions): Breaker {
  return new StartBreaker(options);
}

class StartBreaker implements Breaker {
  readonly #options: Required<BreakerOptions>;
  /** By server, and by server and identity. */
  readonly #circuits = new Map<string, Circuit>();

  constructor(options: BreakerOptions) {
    this.#options = { failures: 5, window: 60_000, base: 1000, cap: 60_000, ...options };
  }

  isOpen(server: string): boolean {
    return this.#of(server).kind !== 'closed';
  }

  forget(server: string): void {
    for (const key of this.#circuits.keys()) if (key === server || key.startsWith(ownPrefix(server))) this.#circuits.delete(key);
  }

  attempt(server: string, identity: Identity = ANONYMOUS): Attempt {
    const by = identity === ANONYMOUS ? undefined : identity;
    // Its own circuit is about nobody else.
    const legs: readonly Leg[] = [{ key: server, by }, ...(by === undefined ? [] : [{ key: ownKey(server, by), by: undefined }])];
    const left = Math.max(...legs.map((leg) => this.#left(leg)));
    if (left > 0) throw new CausewayError('server.crash_loop', { retryAfter: Math.ceil(left / 1000) });
    const outcomes = legs.map((leg) => this.#begin(leg));
    let settled = false;
    const once = (outcome: keyof Outcomes) => (): void => {
      if (settled) return;
      settled = true;
      for (const one of outcomes) one[outcome]();
    };
    return { succeeded: once('success'), failed: once('failure'), [Symbol.dispose]: once('given') };
  }

  /** Milliseconds until a start. */
  #left({ key, by }: Leg): number {
    const circuit = this.#of(key);
    switch (circuit.kind) {
      case 'closed':
        return 0;
      case 'trial':
        return circuit.pause;
      case 'open': {
        const turn = by !== undefined && circuit.by === by ? circuit.pause : 0;
        return circuit.until + turn - this.#options.now();
      }
    }
  }

  #begin({ key, by }: Leg): Outcomes {
    const success = (): void => void this.#circuits.delete(key);
    const circuit = this.#of(key);
    if (circuit.kind !== 'open') return { success, failure: () => this.#count(key, by), given: () => undefined };
    const trial: Circuit = { kind: 'trial', pause: circuit.pause };
    this.#circuits.set(key, trial);
    return {
      success,
      failure: () => void this.#circuits.set(key, this.#opened(trial.pause * 2, by)),
      given: () => void this.#circuits.set(key, circuit),
    };
  }

  /** A start that began while all was well has failed. */
  #count(key: string, by: Identity | undefined): void {
    const circuit = this.#of(key);
    if (circuit.kind !== 'closed') return;
    const { now, window, failures, base } = this.#options;
    const recent = circuit.failed.filter(({ at }) => at > now() - window);
    const own = by === undefined ? [] : recent.filter((failure) => failure.by === by);
    const surplus = new Set(own.slice(0, Math.max(0, own.length + 1 - Math.ceil(failures / 2))));
    const failed = [...recent.filter((failure) => !surplus.has(failure)), { at: now(), by }];
    this.#circuits.set(key, failed.length < failures ? { kind: 'closed', failed } : this.#opened(base, undefined));
    this.#forget();
  }

  #opened(pause: number, by: Identity | undefined): Circuit {
    const { now, random, cap } = this.#options;
    const bounded = Math.min(pause, cap);
    return { kind: 'open', pause: bounded, until: now() + Math.min(cap, bounded * (1 + JITTER * random())), by };
  }

  #of(key: string): Circuit {
    const circuit = this.#circuits.get(key);
    return circuit === undefined || this.#isOld(circuit) ? CLOSED : circuit;
  }

  #isOld(circuit: Circuit): boolean {
    const old = this.#options.now() - this.#options.window;
    switch (circuit.kind) {
      case 'closed':
        return circuit.failed.every(({ at }) => at <= old);
      case 'open':
        return circuit.until <= old;
      case 'trial':
        return false;
    }
  }

  #forget(): void {
    for (const [key, circuit] of this.#circuits) if (this.#isOld(circuit)) this.#circuits.delete(key);
    const own = [...this.#circuits].filter(([key, { kind }]) => isOwn(key) && kind !== 'trial');
    for (const [key] of own.slice(0, Math.max(0, own.length - MOST))) this.#circuits.delete(key);
  }
}

/** A server's name has no blank. */
function ownKey(server: string, identity: Identity): string {
  return `${ownPrefix(server)}${identity}`;
}

function ownPrefix(server: string): string {
  return `${server} `;
}

function isOwn(key: string): boolean {
  return key.includes(' ');
}
