/**
 * Owns what is read of a target besides its load: open files and memory of its processes, the heaps of its Nodes after a
 * collection, and how much is written into its store.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { once } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import { memory, openFiles } from './processes.ts';
import type { Target } from './targets.ts';

const SETTLE_MS = 3_000;
/** Longer than two of the looks after which a process of ours gives memory back. */
const REST_MS = 25_000;
/** Longest time in which the processes of ended sessions have to be gone: idleness, and the ladder of stopping. */
const GONE_MS = 30_000;
const BUCKETS = ['workers', 'sessions', 'cluster'];

/** Memory after a pause in which everybody, the peers too, may give back what the opening itself took. */
export async function settled(roots: readonly number[]): Promise<number> {
  await after(REST_MS);
  return memory(roots).bridge;
}

export interface Inventory {
  readonly children: number;
  readonly files: number;
  /** Bytes in use in the heaps, after a collection. */
  readonly heap: number;
  /** Proportional set size of all processes. */
  readonly held: number;
}

/** What is there once no child is left, or the time for that is over. */
export async function inventory({ roots, inspectors = [] }: Target): Promise<Inventory> {
  const late = Date.now() + GONE_MS;
  while (memory(roots).echoes > 0 && Date.now() < late) await after(500);
  await after(SETTLE_MS);
  const heaps = await Promise.all(inspectors.map(heapAfterCollection));
  const { bridge: held, echoes: children } = memory(roots);
  return { children, files: openFiles(roots), heap: heaps.reduce((sum, bytes) => sum + bytes, 0), held };
}

/** Asks a Node by its inspector to collect twice: what finalizers let go of is collected by the second. */
async function heapAfterCollection(url: string): Promise<number> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  let id = 0;
  const ask = async (method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> => {
    id += 1;
    socket.send(JSON.stringify({ id, method, params }));
    for (;;) {
      const [event] = (await once(socket, 'message')) as [{ readonly data: string }];
      const told = JSON.parse(event.data) as { readonly id?: number; readonly result?: Readonly<Record<string, unknown>> };
      if (told.id === id) return told.result ?? {};
    }
  };
  try {
    for (let round = 0; round < 2; round += 1) await ask('HeapProfiler.collectGarbage');
    return Number((await ask('Runtime.getHeapUsage'))['usedSize']);
  } finally {
    socket.close();
  }
}

/** Writes a second into all buckets over a time in which nobody asks for anything. */
export async function writesPerSecond({ nats }: Target, quietMs: number): Promise<number> {
  if (nats === undefined) return 0;
  const connection = await connect({ servers: nats, name: 'bench' });
  try {
    const manager = await jetstreamManager(connection);
    const written = async (): Promise<number> => {
      let sum = 0;
      for (const bucket of BUCKETS) sum += (await manager.streams.info(`KV_cw_${bucket}`)).state.last_seq;
      return sum;
    };
    const [from, before] = [performance.now(), await written()];
    await after(quietMs);
    return ((await written()) - before) / ((performance.now() - from) / 1000);
  } finally {
    await connection.close();
  }
}
