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
