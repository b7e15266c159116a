/**
 * Owns the load: runs as a process of its own, takes one job from its parent and answers with figures. The
 * parent hears `begin` and `end` around the measured window, so that it can read the target's processor time.
 */
import { beside, burst, calls } from './calling.ts';
import { callsIn } from './lanes.ts';
import { churn, fleet, hold, opens } from './holding.ts';
import type { Figures, ToLoad } from './job.ts';
import { tell } from './loop.ts';

function run({ route, job, lanes }: Exclude<ToLoad, { readonly release: true }>): Promise<Figures> {
  switch (job.kind) {
    case 'calls':
      return lanes === undefined ? calls(route, job) : callsIn(lanes, route, job);
    case 'beside':
      return beside(route, job, lanes);
    case 'opens':
      return opens(route, job);
    case 'hold':
      return hold(route, job);
    case 'burst':
      return burst(route, job);
    case 'churn':
      return churn(route, job);
    case 'fleet':
      return fleet(route, job);
  }
}

process.once('disconnect', () => process.exit());
process.once('message', (message: ToLoad) => {
  if ('release' in message) return;
  run(message)
    .then((figures) => tell({ figures }))
    .catch((error: unknown) => tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }))
    .finally(() => process.disconnect());
});
