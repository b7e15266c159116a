/**
 * Owns the claims of one worker that wait for a place.
 * Invariants: each is settled once: with its permit, by its refusal, its deadline, its signal or the end of the
 * lease; their number is bounded; first come, first served, as far as there is room.
 */
import { CausewayError } from '@causeway/protocol';
import { refusalError, type Claim, type Refusal } from './admission.ts';
import type { AdmitOptions, Permit } from './ledger.ts';
import type { Time } from './time.ts';

/** Milliseconds in which a place may still become free: what a session that is being ended takes. */
const PATIENCE = 500;
/** Milliseconds until a claim that would fit is given up: longer than the store may be without a leader. */
const DEADLINE = 12_000;
const MOST = 1_024;

export interface Waiting {
  readonly claim: Claim;
  readonly options: AdmitOptions;
  readonly grant: (permit: Permit) => void;
  readonly refuse: (error: CausewayError) => void;
}

export class Claims {
  readonly #time: Time;
  readonly #judge: (claim: Claim) => Refusal | undefined;
  readonly #waiting = new Set<Waiting>();

  /** `judge`: what is in the way of one claim now. */
  constructor(time: Time, judge: (claim: Claim) => Refusal | undefined) {
    this.#time = time;
    this.#judge = judge;
  }

  get size(): number {
    return this.#waiting.size;
  }

  [Symbol.iterator](): Iterator<Waiting> {
    return this.#waiting.values();
  }

  add(claim: Claim, options: AdmitOptions): Promise<Permit> {
    if (this.#waiting.size >= MOST) return Promise.reject(new CausewayError('limit.worker', { retryAfter: 2 }));
    const { promise, resolve, reject } = Promise.withResolvers<Permit>();
    const { signal } = options;
    const settle = (): boolean => {
      cancelPatience();
      cancelDeadline();
      signal?.removeEventListener('abort', aborted);
      return this.#waiting.delete(waiting);
    };
    const waiting: Waiting = {
      claim,
      options,
      grant: (permit) => (settle() ? resolve(permit) : permit.release()),
      refuse: (error) => {
        if (settle()) reject(error);
      },
    };
    const aborted = (): void =>
      waiting.refuse(signal?.reason instanceof CausewayError ? signal.reason : new CausewayError('session.ended'));
    const cancelPatience = this.#time.after(options.patience ?? PATIENCE, () => {
      const refusal = this.#judge(claim);
      if (refusal !== undefined) waiting.refuse(refusalError(refusal));
    });
    const cancelDeadline = this.#time.after(DEADLINE, () => {
      const refusal = this.#judge(claim);
      waiting.refuse(refusal === undefined ? new CausewayError('cluster.unavailable', { retryAfter: 2 }) : refusalError(refusal));
    });
    this.#waiting.add(waiting);
    if (signal?.aborted) aborted();
    else signal?.addEventListener('abort', aborted, { once: true });
    return promise;
  }

  /** The lease is over: nobody gets a place here. */
  close(): void {
    for (const waiting of [...this.#waiting]) waiting.refuse(new CausewayError('cluster.unavailable', { retryAfter: 2 }));
  }
}
