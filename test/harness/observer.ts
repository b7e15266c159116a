/** Owns a look from outside at what a cluster's stores say. */
import { openNatsCluster, subjects, type Cluster, type Scope, type SessionRecord } from '@causeway/cluster';
import { newEdgeId, tokenOf } from '@causeway/protocol';
import type { BridgeCluster } from './cluster.ts';
import type { Headers } from './speak.ts';
import { until } from './within.ts';

/** A member of the cluster that serves nothing. */
export function openObserver({ nats }: BridgeCluster): Promise<Cluster> {
  return openNatsCluster({ servers: nats.urls, name: 'observer', inbox: subjects().edgeInbox(newEdgeId()) });
}

/** Resolves as soon as the session's record says so of what its client has asked for: it is written beside the answers. */
export async function stands(
  cluster: BridgeCluster,
  headers: Headers,
  test: (standing: NonNullable<SessionRecord['standing']>) => boolean,
): Promise<void> {
  await using observer = await openObserver(cluster);
  const token = tokenOf(headers['mcp-session-id'] ?? '')!;
  await until(10_000, 'the record of what the client has asked for', async () => {
    const { standing } = (await observer.sessions.get(token))?.record ?? {};
    return (standing !== undefined && test(standing)) || undefined;
  });
}

/** Resolves as soon as all workers together hold `most` places at most under a scope: one is free a moment after its session is over. */
export async function holds(cluster: BridgeCluster, scope: Scope, most: number): Promise<void> {
  await using observer = await openObserver(cluster);
  await until(10_000, `free places under ${scope}`, async () => {
    let sum = 0;
    for (const record of observer.ledger.workers().values()) sum += record.holds[scope] ?? 0;
    return sum <= most || undefined;
  });
}
