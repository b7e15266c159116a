/**
 * Owns opening a cluster, in memory or over NATS.
 * Invariant: the NATS client is loaded only when a NATS cluster is opened; the embedded default starts without it.
 */
import type { Cluster, MemoryCluster, MemoryClusterOptions, NatsClusterOptions } from './cluster.ts';
import { MemoryBus } from './memory/bus.ts';
import { MemoryHub } from './memory/hub.ts';
import { MemoryLedger } from './memory/ledger.ts';
import { MemorySessions } from './memory/sessions.ts';
import { subjects } from './subjects.ts';

/** A cluster within this process, which needs nothing and keeps nothing. */
export async function openMemoryCluster(options: MemoryClusterOptions = {}): Promise<MemoryCluster> {
  const hub = options.hub ?? new MemoryHub();
  const prefix = options.prefix ?? 'cw';
  const bus = new MemoryBus(hub, `${prefix}.mr.${(hub.revision += 1)}`, options.limits);
  const ledger = new MemoryLedger(hub, options.leaseTimes);
  const sessions = new MemorySessions(hub);
  return {
    kind: 'memory',
    bus,
    ledger,
    sessions,
    subjects: subjects(prefix),
    setConnected(connected) {
      bus.setConnected(connected);
      ledger.setConnected(connected);
      sessions.setConnected(connected);
    },
    async [Symbol.asyncDispose]() {
      await ledger[Symbol.asyncDispose]();
      await sessions[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
    },
  };
}

/** A cluster over NATS 2.11 or newer with JetStream. Rejects with a CausewayError `cluster.unavailable` that says what to change. */
export async function openNatsCluster(options: NatsClusterOptions): Promise<Cluster> {
  const { openNats } = await import('./nats/open.ts');
  return openNats(options);
}
