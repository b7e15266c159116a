/**
 * Owns the opening of a cluster over NATS: connections, buckets, then the parts, released in reverse.
 * Invariant: whatever fails, nothing is left open, and the error says what an operator can change. An opening that is
 * abandoned rejects at once; what it still brings is released when it comes.
 */
import type { Cluster, NatsClusterOptions } from '../cluster.ts';
import { markSeen } from '../ledger.ts';
import { subjects } from '../subjects.ts';
import { CLUSTERED, ensureBucket, restoreBucket, type Bucket } from './buckets.ts';
import { openNatsBus } from './bus.ts';
import { connectNats } from './connect.ts';
import { openNatsLedger } from './ledger.ts';
import { openNatsSessions } from './sessions.ts';

export async function openNats(options: NatsClusterOptions): Promise<Cluster> {
  const { signal } = options;
  signal?.throwIfAborted();
  const opening = openParts(options);
  if (signal === undefined) return opening;
  const { promise: abandoned, reject } = Promise.withResolvers<never>();
  const abandon = (): void => {
    opening.then(
      (cluster) => cluster[Symbol.asyncDispose](),
      () => undefined,
    );
    reject(signal.reason);
  };
  signal.addEventListener('abort', abandon, { once: true });
  return Promise.race([opening, abandoned]).finally(() => signal.removeEventListener('abort', abandon));
}

async function openParts(options: NatsClusterOptions): Promise<Cluster> {
  const prefix = options.prefix ?? 'cw';
  await using stack = new AsyncDisposableStack();
  const connections = stack.use(await connectNats(options));
  const { control, data, manager } = connections;
  const replicas = options.replicas ?? (connections.clustered ? CLUSTERED : 1);
  const least = options.replicas ?? 1;
  const deadline = connections.remaining();
  const [workers, sessionBucket, cluster] = await Promise.all(
    (['workers', 'sessions', 'cluster'] as const).map((bucket) => ensureBucket(manager, prefix, bucket, { replicas, least, deadline })),
  );
  const { copies, fewer } = workers!;
  if (fewer !== undefined)
    options.warn?.(
      `The buckets have ${copies} of ${replicas} copies (${fewer}): once as many servers are there, causeway nats buckets makes the others.`,
    );
  const names = subjects(prefix);
  const bus = stack.use(
    await openNatsBus(data, {
      inbox: `${options.inbox}.bus`,
      bundle: (subject) => names.bundle(subject),
      early: (subject) => names.isToEdge(subject),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    }),
  );
  const restore = (bucket: Bucket): Promise<boolean> => restoreBucket(manager, prefix, bucket, { replicas, least });
  const ledger = stack.use(
    await openNatsLedger({
      control,
      data,
      manager,
      bucket: workers!.name,
      inbox: `${options.inbox}.control`,
      times: options.leaseTimes,
      deadline: Math.max(connections.remaining(), 1_000),
      restore: () => restore('workers'),
    }),
  );
  const floor = (): number => markSeen(ledger);
  const sessions = stack.use(
    await openNatsSessions({ control, manager, floor, restore, sessions: sessionBucket!.name, cluster: cluster!.name }),
  );
  const owned = stack.move();
  return { kind: 'nats', bus, ledger, sessions, subjects: names, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
