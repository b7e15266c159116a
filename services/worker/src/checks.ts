/** Owns what a worker's health says: whether its bus, its lease and its will to take sessions are there. */
import type { Bus } from '@causeway/cluster';
import type { CheckResult, Health } from '@causeway/runtime';
import type { Capacity } from './capacity.ts';
import type { Tenure } from './tenure.ts';

interface Watched {
  readonly bus: Bus;
  readonly tenure: Pick<Tenure, 'held'>;
  readonly capacity: Pick<Capacity, 'draining' | 'leaving' | 'paused'>;
}

export function addChecks(health: Health, { bus, tenure, capacity }: Watched): Disposable {
  const well = (is: boolean, note: string): CheckResult => (is ? { state: 'ok' } : { state: 'failing', note });
  const added = [
    health.add('bus', () => well(bus.status === 'connected', bus.status)),
    health.add('lease', () => well(tenure.held, 'not held')),
    health.add('drain', () => {
      if (capacity.draining || capacity.leaving) return { state: 'failing', note: 'shutting down' };
      return capacity.paused ? { state: 'degraded', note: 'an operator wants no new sessions here' } : { state: 'ok' };
    }),
  ];
  return { [Symbol.dispose]: () => added.forEach((remove) => remove()) };
}
