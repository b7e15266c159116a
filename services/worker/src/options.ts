/** Owns the shape of what a worker is configured with. */
import type { Config } from '@causeway/config';

/** The groups of the configuration that a worker is given. */
export interface WorkerOptions {
  readonly servers: Config['servers'];
  readonly limits: Config['limits'];
  readonly worker: Config['worker'];
  readonly streams: Config['streams'];
  readonly drain: Config['drain'];
}

/** Milliseconds for which untouched children harm nobody when no place of theirs can be given to others. */
const UNLIMITED = 60_000;

/** Milliseconds for which children outlive a lease that ran out. Where places are counted they would be held twice. */
export function graceOf({ worker, limits, servers }: Pick<WorkerOptions, 'worker' | 'limits' | 'servers'>): number {
  const totals = [limits.sessions, limits.sessionsPerIdentity, ...Object.values(servers).map((server) => server.limits.sessions)];
  return worker.grace ?? (totals.every((total) => total === undefined) ? UNLIMITED : 0);
}
