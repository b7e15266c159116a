/**
 * Owns what a process of a cluster answers from its first moment on: the diagnostics listener is open before NATS is asked,
 * so that a health check says what a start waits for.
 */
import type { Bus } from '@causeway/cluster';
import type { Config } from '@causeway/config';
import { createHealth, openDiagnostics, type Health, type Log, type Metrics } from '@causeway/runtime';
import { addBusFigure, processMetrics } from './open-bridge.ts';

export interface Probes extends AsyncDisposable {
  /** Fails as `start` until `started`. */
  readonly health: Health;
  readonly metrics: Metrics;
  readonly started: () => void;
  /** There is a bus: its figure is of it, and what else the start waits for is there. */
  readonly connected: (bus: Bus) => void;
  /** For the log: where the listener is. */
  readonly listener: { readonly diagnostics?: string };
}

export async function openProbes(role: 'edge' | 'worker', { diagnostics }: Config, log: Log): Promise<Probes> {
  const [health, metrics] = [createHealth(), processMetrics(role)];
  const hasBus = addBusFigure(metrics);
  let bus: Bus | undefined;
  const started = health.add('start', () => {
    // A worker's lease is there, and the key of the session ids.
    const waiting = bus?.status === 'connected';
    return { state: 'failing', note: waiting ? 'waiting for the store of nats' : 'connecting to nats' };
  });
  const listener = diagnostics.port === false ? undefined : await openDiagnostics({ health, log, metrics }, diagnostics);
  return {
    health,
    metrics,
    started,
    connected: (opened) => {
      bus = opened;
      hasBus(opened);
    },
    listener: listener === undefined ? {} : { diagnostics: listener.url },
    [Symbol.asyncDispose]: async () => listener?.[Symbol.asyncDispose](),
  };
}
