/** A pool over scripted children that shake hands by themselves, in time that stands still until told. */
import type { ServerConfig } from '@causeway/config';
import { CausewayError, type Identity, type Reason } from '@causeway/protocol';
import { fakeTime, type FakeTime } from '@causeway/runtime';
import type { Pool } from '../../src/pool/pool.ts';
import { Pools } from '../../src/pool/pools.ts';
import type { PoolsDeps } from '../../src/pool/pools.ts';
import { Nursery, server as serverOf, type Message, type ScriptedChild } from '../era/scripted-child.ts';

export const GREETING = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 's', version: '1' } };

export interface PoolWorld {
  readonly time: FakeTime;
  readonly pools: Pools;
  readonly children: readonly ScriptedChild[];
  /** Places that are held. */
  readonly held: Set<object>;
  /** Places that there are; beyond them one is refused, for this reason. */
  limit: number;
  full: Reason;
  /** Each place that was had goes to others when this is called. */
  readonly revoke: (() => void)[];
  /** Another worker has room. */
  roomElsewhere: boolean;
  /** Children answer to `ping` and the like. */
  healthy: boolean;
  /** Children answer to `initialize`. */
  greets: boolean;
  /** As `PoolsDeps.inForce`; default always. */
  inForce: (server: ServerConfig) => boolean;
  /** How starts went that have an outcome; the first counts. */
  readonly starts: ('succeeded' | 'failed')[];
  /** Called whenever a child is about to be touched. */
  woken: () => void;
  /** No child is started for this reason. */
  refusal: CausewayError | undefined;
  /** Whether another worker gives up a child; default never. */
  elsewhere: (() => boolean) | undefined;
  of(server: ServerConfig, identity?: string): Pool;
}

export const server = (pool: Partial<ServerConfig['pool']> = {}, more: Partial<ServerConfig> = {}): ServerConfig =>
  serverOf({ pool: { max: 3, idle: 300_000, parked: 180_000, ...pool }, ...more });

export function poolWorld(): PoolWorld {
  const time = fakeTime();
  const nursery = new Nursery();
  const world = {
    limit: Infinity,
    full: 'limit.worker' as Reason,
    roomElsewhere: false,
    healthy: true,
    inForce: (() => true) as PoolWorld['inForce'],
    greets: true,
    held: new Set<object>(),
    revoke: [] as (() => void)[],
    starts: [] as PoolWorld['starts'],
    /** Called whenever a child is about to be touched. */
    woken: (): void => undefined,
    refusal: undefined as CausewayError | undefined,
    elsewhere: undefined as (() => boolean) | undefined,
  };
  const answer = (child: ScriptedChild): void => {
    for (const { id, method } of child.take() as readonly Message[]) {
      if (id === undefined) continue;
      if (method === 'initialize') {
        if (world.greets) child.say({ id, result: GREETING });
      } else if (world.healthy) child.say({ id, result: {} });
    }
  };
  const deps: PoolsDeps = {
    wheel: time.wheel,
    now: () => time.clock.monotonic(),
    log: { error: () => undefined, info: () => undefined } as unknown as PoolsDeps['log'],
    marks: new Set(),
    mayAct: () => true,
    awake: () => world.woken(),
    stops: () => 0,
    limitsOf: () => ({}),
    attempt: () => {
      let open = true;
      const end = (outcome?: PoolWorld['starts'][number]) => (): void => {
        if (open && outcome) world.starts.push(outcome);
        open = false;
      };
      return { succeeded: end('succeeded'), failed: end('failed'), [Symbol.dispose]: end() };
    },
    roomElsewhere: () => world.roomElsewhere,
    elsewhere: async () => world.elsewhere?.() ?? false,
    admit: async (claim, { revoked }) => {
      if (world.held.size >= world.limit) throw new CausewayError(world.full);
      const place = {};
      world.held.add(place);
      if (revoked) world.revoke.push(revoked);
      return { claim, release: () => void world.held.delete(place) };
    },
    startChild: async (_session, _server, listeners) => {
      if (world.refusal) throw world.refusal;
      const child = await nursery.start(listeners);
      const write = child.write.bind(child);
      child.write = (frame) => {
        const taken = write(frame);
        queueMicrotask(() => answer(child));
        return taken;
      };
      return child;
    },
    inForce: (one) => world.inForce(one),
    heard: () => undefined,
    lapsed: () => undefined,
  };
  const pools = new Pools(deps);
  return Object.assign(world, {
    time,
    pools,
    children: nursery.children,
    of: (one: ServerConfig, identity = 'a') => pools.of(one, 'legacy', { identity: identity as Identity, share: undefined }),
  });
}

/** Lets everything that is ready happen. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
