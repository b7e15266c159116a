/**
 * Owns what operators see of limits: how much of each is used, added up from the workers' records. Pure.
 */
import { scopeOfServer, type Scope, type WorkerRecord } from '@causeway/cluster';
import { identityLabel, type Identity } from '@causeway/protocol';

export interface LimitView {
  /** `total`, `server:<name>`, `identity:<label>`, `worker:<id>`. */
  readonly scope: string;
  readonly used: number;
  /** Null: no limit. */
  readonly max: number | null;
}

/** Sessions held under a scope in the whole cluster. */
export function heldOf(records: readonly WorkerRecord[], scope: Scope): number {
  return records.reduce((sum, { holds }) => sum + (holds[scope] ?? 0), 0);
}

/** What a scope allows. While workers are configured differently it is the most that any of them would admit up to. */
export function allowanceOf(records: readonly WorkerRecord[], scope: Scope): number | null {
  const allowed = records.flatMap(({ limits = {}, servers }) => {
    if (scope === 'g') return limits.total ?? [];
    if (scope.startsWith('i:')) return limits.identity ?? [];
    const name = scope.slice(2);
    return (Object.hasOwn(servers, name) ? servers[name]?.limit : undefined) ?? [];
  });
  return allowed.length === 0 ? null : Math.max(...allowed);
}

function row(records: readonly WorkerRecord[], label: string, scope: Scope): LimitView {
  return { scope: label, used: heldOf(records, scope), max: allowanceOf(records, scope) };
}

/** The total, then servers in the order of their names. */
export function serverLimits(records: readonly WorkerRecord[]): LimitView[] {
  const servers = new Set(records.flatMap((record) => Object.keys(record.servers)));
  return [row(records, 'total', 'g'), ...[...servers].toSorted().map((name) => row(records, `server:${name}`, scopeOfServer(name)))];
}

/** The same, then identities and workers, each in the order of their names. */
export function listLimits(records: readonly WorkerRecord[]): LimitView[] {
  const scopes = new Set(records.flatMap(({ holds }) => Object.keys(holds) as Scope[]));
  return [
    ...serverLimits(records),
    ...[...scopes]
      .filter((scope) => scope.startsWith('i:'))
      .toSorted()
      .map((scope) => row(records, `identity:${identityLabel(scope.slice(2) as Identity)}`, scope)),
    ...records
      .toSorted((a, b) => a.worker.localeCompare(b.worker))
      .map(({ worker, sessions, capacity }) => ({ scope: `worker:${worker}`, used: sessions, max: capacity })),
  ];
}
