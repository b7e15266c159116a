/**
 * Owns trying servers without a worker: nobody else is served meanwhile, and whoever waits may hear what they say.
 * Invariant: when it is disposed of no child is left.
 */
import type { ServerConfig } from '@causeway/config';
import { CausewayError, newWorkerId } from '@causeway/protocol';
import type { Log } from '@causeway/runtime';
import type { WorkerOptions } from './options.ts';
import { probe } from './probe.ts';
import { startProbed } from './start-probed.ts';
import { openStarts } from './starts.ts';

export interface Probes extends AsyncDisposable {
  /**
   * As `Worker.probe`, for as long as the server's `startTimeout`. `started` is given the way to ask for the last lines of
   * its stderr.
   */
  probe(server: ServerConfig, started: (lastWords: () => readonly string[]) => void): Promise<string | undefined>;
}

export async function openProbes(log: Log, limits: WorkerOptions['worker']): Promise<Probes> {
  const starts = await openStarts({ worker: newWorkerId(), log }, limits);
  // Nothing is swept here: the end of all takes everything along.
  const begin = startProbed(starts.start, new Set());
  const running = new Set<Promise<unknown>>();
  const closed = new AbortController();
  return {
    probe: (server, started) => {
      const { signal } = closed;
      const start = async (listeners: Parameters<Parameters<typeof probe>[1]>[0]) => {
        const child = await begin(server, listeners, signal);
        started(() => child.lastWords());
        return child;
      };
      const probing = probe(server, start, signal).finally(() => running.delete(probing));
      running.add(probing);
      return probing;
    },
    async [Symbol.asyncDispose]() {
      closed.abort(new CausewayError('cluster.draining'));
      await Promise.allSettled(running);
      await starts[Symbol.asyncDispose]();
    },
  };
}
