/** Owns the shape of what a worker is configured with. */
import type { Limits } from '@causeway/cluster';
import type { Config } from '@causeway/config';

/** The groups of the configuration that a worker is given. */
export interface WorkerOptions {
  readonly diagnostics: Pick<Config['diagnostics'], 'tools'>;
  readonly servers: Config['servers'];
  readonly limits: Config['limits'];
  readonly worker: Config['worker'];
  readonly streams: Config['streams'];
  readonly drain: Config['drain'];
}

/** Milliseconds for which untouched children harm nobody when no place of theirs can be given to others. */
const UNLIMITED = 60_000;

/** The limits on sessions of the whole cluster that hold for every server. */
export function totalsOf({ sessions: total, sessionsPerIdentity: identity }: WorkerOptions['limits']): Pick<Limits, 'total' | 'identity'> {
  return { ...(total === undefined ? {} : { total }), ...(identity === undefined ? {} : { identity }) };
}

/** Milliseconds for which children outlive a lease that ran out. Where places are counted they would be held twice. */
export function graceOf({ worker, limits, servers }: Pick<WorkerOptions, 'worker' | 'limits' | 'servers'>): number {
  const totals = [limits.sessions, limits.sessionsPerIdentity, ...Object.values(servers).map((server) => server.limits.sessions)];
  return worker.grace ?? (totals.every((total) => total === undefined) ? UNLIMITED : 0);
}
