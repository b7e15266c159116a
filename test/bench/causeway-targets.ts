/**
 * Owns how Causeway is started in front of the child: alone, or as a cluster of any size around one nats-server. It runs
 * with its defaults, its log at `info` included; what a target sets besides is in its name or its note.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startNats } from './nats.ts';
import { Started } from './started.ts';
import type { Feature, Ground, Target, TargetKind } from './targets.ts';

interface Shape {
  readonly name: string;
  readonly note?: string;
  readonly serves: readonly Feature[];
  readonly kind?: 'streamable' | 'sse';
  /** Settings of the one server, and of the whole. */
  readonly server?: object;
  readonly config?: object;
  /** Start every Node with its inspector, so that it can be asked for its heap. */
  readonly inspected?: boolean;
}

/** What a role says when it is ready: its URL, and where its inspector listens if it has one. */
interface Ready {
  readonly base: string;
  readonly inspector: string | undefined;
}

const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

function ready(started: Started): Promise<Ready> {
  let inspector: string | undefined;
  return started.line((line) => {
    inspector ??= /Debugger listening on (ws:\S+)/.exec(line)?.[1];
    if (line.includes('"msg":"working"')) return { base: '', inspector };
    const base = line.includes('"msg":"listening"') ? /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] : undefined;
    return base === undefined ? undefined : { base, inspector };
  });
}

/** The configuration in a folder of its own, which goes with the stack. */
function configure(stack: AsyncDisposableStack, ground: Ground, shape: Shape): { readonly work: string; readonly config: string } {
  const work = mkdtempSync(join(ground.cache, 'causeway-'));
  stack.defer(() => rmSync(work, { recursive: true, force: true }));
  const config = join(work, 'causeway.json');
  const [command, ...args] = ground.echo.command;
  writeFileSync(config, JSON.stringify({ ...shape.config, servers: { echo: { command, args, ...shape.server } } }));
  return { work, config };
}

function role(ground: Ground, shape: Shape, name: string, args: readonly string[]): Started {
  const program = join(ground.root, 'packages/causeway/bin/causeway.js');
  const { profiles } = ground;
  const profiled = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${name}.cpuprofile`];
  return new Started(ground, name, [process.execPath, ...profiled, program, ...args], 'lines', shape.inspected ? INSPECTED : {});
}

function target(shape: Shape, bases: readonly string[]): Pick<Target, 'route' | 'stateless'> {
  const urls = bases.map((base) => `${base}/mcp`);
  return {
    route: shape.kind === 'sse' ? { kind: 'sse', urls: bases.map((base) => `${base}/sse`) } : { kind: 'streamable', urls },
    stateless: { kind: 'stateless', urls, revision: '2026-07-28' },
  };
}

const described = ({ name, note, serves }: Shape) => ({ name, ...(note === undefined ? {} : { note }), serves: new Set(serves) });

export function alone(shape: Shape): TargetKind {
  return {
    ...described(shape),
    async start(ground) {
      await using stack = new AsyncDisposableStack();
      const { config } = configure(stack, ground, shape);
      const started = stack.use(role(ground, shape, shape.name.replaceAll(' ', '-'), ['run', '--port', '0', '--config', config]));
      const { base, inspector } = await ready(started);
      const held = stack.move();
      return {
        ...target(shape, [base]),
        roots: [started.pid],
        inspectors: inspector === undefined ? [] : [inspector],
        [Symbol.asyncDispose]: () => held.disposeAsync(),
      };
    },
  };
}

export function cluster(shape: Shape, workers = 1, edges = workers): TargetKind {
  return {
    ...described(shape),
    async start(ground) {
      await using stack = new AsyncDisposableStack();
      const { work, config } = configure(stack, ground, shape);
      const nats = await startNats(stack, ground, work);
      const start = async (
        count: number,
        name: string,
        args: readonly string[],
      ): Promise<readonly (Ready & { readonly pid: number })[]> => {
        const found: (Ready & { readonly pid: number })[] = [];
        const group: Started[] = [];
        stack.defer(async () => void (await Promise.all(group.map((started) => started[Symbol.asyncDispose]()))));
        // One after the other: four at once on two cores take longer than they are given.
        for (let index = 0; index < count; index += 1) {
          const started = role(ground, shape, name, [name, '--nats', nats.url, ...args]);
          group.push(started);
          found.push({ ...(await ready(started)), pid: started.pid });
        }
        return found;
      };
      const working = await start(workers, 'worker', ['--config', config]);
      const listening = await start(edges, 'edge', ['--port', '0']);
      const all = [...working, ...listening];
      const held = stack.move();
      return {
        ...target(
          shape,
          listening.map(({ base }) => base),
        ),
        roots: [nats.pid, ...all.map(({ pid }) => pid)],
        inspectors: all.flatMap(({ inspector }) => inspector ?? []),
        nats: nats.url,
        [Symbol.asyncDispose]: () => held.disposeAsync(),
      };
    },
  };
}
