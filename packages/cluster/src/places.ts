/**
 * Owns what one worker holds under the limits, and the judgement of what else it may hold: its permits, the claims
 * that wait, and what everybody else holds as far as is seen.
 *
 * Invariants: permits are a set of things that exist; a claim is judged beside everything that is held here, is
 * granted with the same write, or is held elsewhere; when places are lost, the newest give way.
 */
import type { WorkerId } from '@causeway/protocol';
import { admit, holdingsOf, isLimited, type Claim, type Holdings, type Refusal } from './admission.ts';
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
    this.#claims = new Claims(deps.time, (claim) => this.#refusal(claim, []));
  }

  /** A claim waits for a place. */
  get wanted(): boolean {
    return this.#claims.size > 0;
  }

  /** As `Lease.admit`. Where nothing limits the cluster, nobody else need be asked: the place is given at once. */
  admit(claim: Claim, options: AdmitOptions): Promise<Permit> {
    const free = !isLimited(claim) && !this.wanted && this.#refusal(claim, []) === undefined;
    const permit = free ? Promise.resolve(this.#hold(claim, options)) : this.#claims.add(claim, options);
    this.#deps.changed();
    return permit;
  }

  /** The claims for which there is room, in their order. */
  fitting(): readonly Waiting[] {
    const granted: Waiting[] = [];
    for (const waiting of this.#claims) if (this.#refusal(waiting.claim, granted) === undefined) granted.push(waiting);
    return granted;
  }

  grant(granted: readonly Waiting[]): void {
    for (const { claim, options, grant } of granted) grant(this.#hold(claim, options));
  }

  /** What the record says is held, `granted` included. */
  held(granted: readonly Waiting[]): { readonly sessions: number; readonly holds: Holdings } {
    const claims = [...this.#permits, ...granted].map(({ claim }) => claim);
    return { sessions: claims.length, holds: holdingsOf(claims) };
  }

  /** Gives up what no longer fits beside what others hold by now. */
  revoke(): void {
    const { view, worker } = this.#deps;
    const kept: Claim[] = [];
    for (const permit of [...this.#permits]) {
      const own = holdingsOf(kept);
      if (admit(permit.claim, (scope) => (own[scope] ?? 0) + view.held(scope, worker)) === undefined) kept.push(permit.claim);
      else if (this.#permits.delete(permit)) permit.revoked?.();
    }
  }

  /** The lease is over: nobody gets a place here. */
  close(): void {
    this.#claims.close();
  }

  /** What is in the way of a claim, beside those that are granted with the next write. */
  #refusal(claim: Claim, granted: readonly Waiting[]): Refusal | undefined {
    const { view, worker } = this.#deps;
    if (isLimited(claim)) {
      const { holds } = this.held(granted);
      const refusal = admit(claim, (scope) => (holds[scope] ?? 0) + view.held(scope, worker));
      if (refusal !== undefined) return refusal;
    }
    const used = this.#permits.size + granted.length;
    const limit = this.#deps.capacity();
    return used >= limit ? { reason: 'limit.worker', limit, used } : undefined;
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
