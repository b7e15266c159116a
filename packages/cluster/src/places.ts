/**
 * Owns what one worker holds under the limits, and the judgement of what else it may hold: its permits, the claims
 * that wait, and what everybody else holds as far as is seen.
 *
 * Invariants: permits are a set of things that exist; a claim is judged beside everything that is held here, is
 * granted with the same write, or is held elsewhere; when places are lost, the newest give way.
 */
import type { WorkerId } from '@causeway/protocol';
import { admit, isLimited, Tally, type Claim, type Holdings, type Refusal, type Scope } from './admission.ts';
import { Claims, type Waiting } from './claims.ts';
import type { AdmitOptions, Permit } from './ledger.ts';
import type { RecordsView } from './records.ts';
import type { Time } from './time.ts';

export interface PlacesDeps {
  readonly worker: WorkerId;
  readonly view: RecordsView;
  readonly time: Time;
  /** Sessions that this worker can hold. */
  readonly capacity: () => number;
  /** What is held has changed, or a claim waits. */
  readonly changed: () => void;
}

interface HeldPermit extends Permit {
  readonly revoked: (() => void) | undefined;
}

export class Places {
  readonly #deps: PlacesDeps;
  readonly #permits = new Set<HeldPermit>();
  readonly #claims: Claims;

  constructor(deps: PlacesDeps) {
    this.#deps = deps;
    this.#claims = new Claims(deps.time, (claim) => this.#refusal(claim, this.#tally()));
  }

  /** A claim waits for a place. */
  get wanted(): boolean {
    return this.#claims.size > 0;
  }

  /** As `Lease.admit`. Where nothing limits the cluster, nobody else need be asked: the place is given at once. */
  admit(claim: Claim, options: AdmitOptions): Promise<Permit> {
    const free = !isLimited(claim) && !this.wanted && this.#permits.size < this.#deps.capacity();
    const permit = free ? Promise.resolve(this.#hold(claim, options)) : this.#claims.add(claim, options);
    this.#deps.changed();
    return permit;
  }

  /** The claims for which there is room, in their order. */
  fitting(): readonly Waiting[] {
    const granted: Waiting[] = [];
    const tally = this.#tally();
    const others = this.#others();
    for (const waiting of this.#claims) {
      if (this.#refusal(waiting.claim, tally, others) !== undefined) continue;
      granted.push(waiting);
      tally.add(waiting.claim);
    }
    return granted;
  }

  grant(granted: readonly Waiting[]): void {
    for (const { claim, options, grant } of granted) grant(this.#hold(claim, options));
  }

  /** What the record says is held, `granted` included. */
  held(granted: readonly Waiting[]): { readonly sessions: number; readonly holds: Holdings } {
    const tally = this.#tally();
    for (const { claim } of granted) tally.add(claim);
    return { sessions: tally.sessions, holds: tally.holds };
  }

  /** Gives up what no longer fits beside what others hold by now. */
  revoke(): void {
    const kept = new Tally();
    const others = this.#others();
    for (const permit of [...this.#permits]) {
      const { claim } = permit;
      if (admit(claim, (scope) => kept.of(scope) + others(scope)) === undefined) kept.add(claim);
      else if (this.#permits.delete(permit)) permit.revoked?.();
    }
  }

  /** The lease is over: nobody gets a place here. */
  close(): void {
    this.#claims.close();
  }

  /** What is held now. */
  #tally(): Tally {
    const tally = new Tally();
    for (const { claim } of this.#permits) tally.add(claim);
    return tally;
  }

  /** What all others hold under a scope, counted once for each: many claims are judged together. */
  #others(): (scope: Scope) => number {
    const { view, worker } = this.#deps;
    const counted = new Map<Scope, number>();
    return (scope) => {
      const held = counted.get(scope) ?? view.held(scope, worker);
      counted.set(scope, held);
      return held;
    };
  }

  /** What is in the way of a claim beside what the tally has, and what others hold. */
  #refusal(claim: Claim, tally: Tally, others = this.#others()): Refusal | undefined {
    const refusal = isLimited(claim) ? admit(claim, (scope) => tally.of(scope) + others(scope)) : undefined;
    if (refusal !== undefined) return refusal;
    const limit = this.#deps.capacity();
    return tally.sessions >= limit ? { reason: 'limit.worker', limit, used: tally.sessions } : undefined;
  }

  #hold(claim: Claim, { revoked }: AdmitOptions): Permit {
    const permit: HeldPermit = {
      claim,
      revoked,
      release: () => {
        if (this.#permits.delete(permit)) this.#deps.changed();
      },
    };
    this.#permits.add(permit);
    return permit;
  }
}
