/**
 * Owns how the bare bridges are started: what remains of a bridge when everything is left out that is not needed to carry a
 * small call. No bridge of these parts can be faster on the machine that is measured, so they stand for its limit.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startNats } from './nats.ts';
import { Started } from './started.ts';
import type { Feature, Ground, Target, TargetKind } from './targets.ts';

const NOTE = 'no guard, no limit, no session that outlives anything: the limit of this machine';
const serves: ReadonlySet<Feature> = new Set(['calls']);

function role(ground: Ground, name: string, args: readonly string[]): Started {
  const program = join(import.meta.dirname, 'bare', `${name}.ts`);
  return new Started(ground, `bare-${name}`, [process.execPath, program, ...args], 'lines');
}

async function serving(door: Started, roots: readonly number[], stack: AsyncDisposableStack): Promise<Target> {
  const base = await door.line((line) => /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]);
  const held = stack.move();
  return { route: { kind: 'streamable', urls: [`${base}/mcp`] }, roots, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

export const bareAlone: TargetKind = {
  name: 'bare',
  note: NOTE,
  serves,
  async start(ground) {
    await using stack = new AsyncDisposableStack();
    const door = stack.use(role(ground, 'alone', ground.echo.command));
    return await serving(door, [door.pid], stack);
  },
};

export const bareCluster: TargetKind = {
  name: 'bare cluster',
  note: `${NOTE}; 1 edge, 1 worker and nats-server`,
  serves,
  async start(ground) {
    await using stack = new AsyncDisposableStack();
    const folder = mkdtempSync(join(ground.cache, 'bare-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const nats = await startNats(stack, ground, folder);
    const worker = stack.use(role(ground, 'worker', [nats.url, ...ground.echo.command]));
    await worker.line((line) => line.includes('working') || undefined);
    const edge = stack.use(role(ground, 'edge', [nats.url]));
    return await serving(edge, [nats.pid, worker.pid, edge.pid], stack);
  },
};
