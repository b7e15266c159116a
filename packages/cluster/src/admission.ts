/**
 * Owns the one decision whether one more session may be held: it sees every limit that concerns the session and
 * gives a yes, or the limit that is in the way. Pure: who else holds what is the caller's to know (`tenancy.ts`).
 *
 * Invariants: what is held is counted from permits that exist, at every decision anew; a claim gets a place under
 * all of its limits or under none; of several limits in the way the widest is named (DECISIONS 9).
 */
import { CausewayError, type Identity, type Reason } from '@causeway/protocol';

/** What a limit is of: all sessions (`g`), those of a server (`s:<name>`), those of an identity (`i:<identity>`). */
export type Scope = 'g' | `s:${string}` | `i:${string}`;

/** Sessions that may be held at once; absent: as many as there are workers for. */
export interface Limits {
  readonly total?: number;
  readonly server?: number;
  readonly identity?: number;
}

/** A session that wants a place. */
export interface Claim {
  readonly server: string;
  /** Absent: a client that nobody vouches for has no share of its own (DECISIONS 9). */
  readonly identity?: Identity;
  readonly limits: Limits;
}

/** Sessions by scope. */
export type Holdings = Readonly<Partial<Record<Scope, number>>>;

export interface Refusal {
  readonly reason: Extract<Reason, `limit.${string}`>;
  readonly limit: number;
  readonly used: number;
}

export const scopeOfServer = (server: string): Scope => `s:${server}`;
export const scopeOfIdentity = (identity: string): Scope => `i:${identity}`;

/** What a number of claims hold together, counted one by one. */
export class Tally {
  /** A null-prototype object: a server may have any name. */
  readonly holds = Object.create(null) as Partial<Record<Scope, number>>;
  sessions = 0;

  add({ server, identity }: Claim): void {
    this.sessions += 1;
    const scopes: Scope[] = ['g', scopeOfServer(server)];
    if (identity !== undefined) scopes.push(scopeOfIdentity(identity));
    for (const scope of scopes) this.holds[scope] = this.of(scope) + 1;
  }

  of(scope: Scope): number {
    return this.holds[scope] ?? 0;
  }
}

/** The limit that is in the way of one more session, where `used` are held already; `undefined`: there is room. */
export function admit({ server, identity, limits }: Claim, used: (scope: Scope) => number): Refusal | undefined {
  const rows: readonly (readonly [Refusal['reason'], number | undefined, Scope | undefined])[] = [
    ['limit.total', limits.total, 'g'],
    ['limit.server', limits.server, scopeOfServer(server)],
    ['limit.identity', limits.identity, identity === undefined ? undefined : scopeOfIdentity(identity)],
  ];
  for (const [reason, limit, scope] of rows) {
    if (limit === undefined || scope === undefined) continue;
    const held = used(scope);
    if (held >= limit) return { reason, limit, used: held };
  }
  return undefined;
}

/** Whether any limit of the whole cluster concerns the claim: without one nobody else need be asked. */
export function isLimited({ identity, limits }: Claim): boolean {
  return limits.total !== undefined || limits.server !== undefined || (limits.identity !== undefined && identity !== undefined);
}

export function refusalError({ reason, limit, used }: Refusal): CausewayError {
  return new CausewayError(reason, { facts: { limit, used } });
}
