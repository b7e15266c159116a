/**
 * Owns making what the parts of an edge share, in the order of its dependencies: an edge without its listeners. Time
 * and chance are given, so that a simulation can run it in a world of its own.
 */
import type { Cluster } from '@causeway/cluster';
import { methodLabel, nameAttribute, OTHER, type EdgeId } from '@causeway/protocol';
import { Counts, Durations, type Clock, type Log, type Wheel } from '@causeway/runtime';
import type { EdgeContext, EdgeOptions } from './context.ts';
import { openServers } from './servers.ts';
import { CallNumbers } from './session/call-numbers.ts';
import { Descriptions } from './session/descriptions.ts';
import { Exchanges } from './session/exchanges.ts';
import { PendingOpens } from './session/pending-opens.ts';
import { Places } from './session/places.ts';
import { Relocation } from './session/relocate.ts';

export interface ContextDeps {
  readonly id: EdgeId;
  readonly cluster: Cluster;
  readonly log: Log;
  readonly clock: Clock;
  readonly wheel: Wheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What is opened is left to `stack`. */
export async function openContext(stack: AsyncDisposableStack, deps: ContextDeps, options: EdgeOptions): Promise<EdgeContext> {
  const { id, cluster, log, clock, wheel } = deps;
  const servers = stack.use(openServers(cluster.ledger, log));
  const exchanges = stack.use(new Exchanges({ cluster, edge: id, clock, wheel, log }));
  await exchanges.open();
  const key = await cluster.sessions.signingKey();
  // What generation of records there is: another one is known by that.
  await cluster.sessions.unsettled();
  const edge: EdgeContext = {
    ...deps,
    exchanges,
    servers,
    opens: new PendingOpens(clock, (worker) => exchanges.owners.presence(worker) === 'there'),
    places: new Places(),
    relocation: new Relocation(() => edge),
    descriptions: new Descriptions(),
    numbers: new CallNumbers(),
    key,
    verified: new Map(),
    streams: new Set(),
    untaken: new Set(),
    durations: new Durations(clock, methodLabel, { most: options.diagnostics.tools, other: OTHER, attributeOf: nameAttribute }),
    told: new Counts(),
    options,
    gate: { state: 'open' },
  };
  return edge;
}
