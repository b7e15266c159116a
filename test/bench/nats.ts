/** Owns how a target's nats-server is started: alone, with JetStream in the target's folder, on a free port of loopback. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Started } from './started.ts';
import type { Ground } from './targets.ts';

export interface StartedNats {
  readonly pid: number;
  readonly url: string;
}

export async function startNats(stack: AsyncDisposableStack, ground: Ground, folder: string): Promise<StartedNats> {
  if (ground.natsServer === undefined) throw new Error('no nats-server: run `npm run setup` first');
  const store = join(folder, 'jetstream');
  mkdirSync(store);
  const started = stack.use(new Started(ground, 'nats', [ground.natsServer, '-a', '127.0.0.1', '-p', '-1', '-js', '-sd', store], 'lines'));
  const port = await started.line((line) => /Listening for client connections on .*:(\d+)/.exec(line)?.[1]);
  return { pid: started.pid, url: `nats://127.0.0.1:${port}` };
}
