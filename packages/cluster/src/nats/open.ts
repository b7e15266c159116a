/** Owns the opening of a cluster over NATS. */
import { CausewayError } from '@causeway/protocol';
import type { Cluster, NatsClusterOptions } from '../cluster.ts';

export async function openNats(_options: NatsClusterOptions): Promise<Cluster> {
  throw new CausewayError('cluster.unavailable');
}
