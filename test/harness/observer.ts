/** Owns a look from outside at what a cluster's stores say. */
import { openNatsCluster, subjects, type Cluster, type SessionRecord } from '@causeway/cluster';
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
