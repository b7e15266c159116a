/**
 * Owns how this worker starts its children: in turn, marked as its own, tied to its life, and watched by the
 * warden where the kernel does not do that by itself. A machine without room for one more makes the worker full.
 */
import type { OwnedSession } from '@causeway/cluster';
import type { Config, ServerConfig } from '@causeway/config';
import { CausewayError, type WorkerId } from '@causeway/protocol';
import type { Log } from '@causeway/runtime';
import { CHILD_LIMITS, type Child, type ChildDeps, type ChildListeners } from './child/child.ts';
import { launchPrefixes, type StartFault } from './child/launch.ts';
import { childMark, ownProcess } from './child/orphans.ts';
import { openSpawnQueue } from './child/spawn-queue.ts';
import { startChild } from './child/start.ts';
import { openWarden } from './child/warden.ts';

/** `session` names the child in its mark. Rejects with CausewayError `server.start_failed`, `limit.worker`, and the signal's reason. */
export type StartChild = (session: OwnedSession, server: ServerConfig, listeners: ChildListeners, signal?: AbortSignal) => Promise<Child>;

export interface Starts extends AsyncDisposable {
  readonly start: StartChild;
}

export async function openStarts(deps: { readonly worker: WorkerId; readonly log: Log }, limits: Config['worker']): Promise<Starts> {
  const { worker, log } = deps;
  const warden = process.pid === 1 ? undefined : await openWarden({ log, worker });
  // As PID 1 it takes everything with it when it ends. Until then whoever loses its parent is its own, and Node collects no such dead.
  if (warden === undefined) log.warn({}, NO_INIT);
  const prefixes = await launchPrefixes();
  const owner = ownProcess();
  const queue = openSpawnQueue({ concurrency: limits.spawnConcurrency, waiting: limits.spawnQueue });
  const { lineBytes, stdinBytes, stdinFrames } = limits;
  const childLimits = { ...CHILD_LIMITS, lineBytes, stdinBytes, stdinFrames };
  return {
    start: (session, server, listeners, signal) => {
      const child: ChildDeps = {
        log: log.child({ server: server.name, session: session.token.slice(0, 8) }),
        mark: childMark({ worker, session: session.token, epoch: session.epoch }, owner),
        prefix: server.noNewPrivileges ? prefixes.confined : prefixes.free,
        ...(warden ? { warden } : {}),
      };
      const begin = (): Promise<Child> => startChild(child, server, listeners, { limits: childLimits, ...(signal ? { signal } : {}) });
      return queue.run(begin, signal).catch(asFull);
    },
    async [Symbol.asyncDispose]() {
      await warden?.[Symbol.asyncDispose]();
    },
  };
}

const NO_INIT =
  'no init: as process 1 this collects none of the dead that servers leave behind, and they take places; use docker run --init, or tini';

const NO_ROOM: StartFault = 'too_many_processes';

/** Where its machine has no room for another process the worker is full: another may have room, and the server is not to blame. */
function asFull(error: unknown): never {
  if (!(error instanceof CausewayError) || error.facts['class'] !== NO_ROOM) throw error;
  const { facts, ref, retryAfter } = error;
  throw new CausewayError('limit.worker', { facts, ref, cause: error, ...(retryAfter === undefined ? {} : { retryAfter }) });
}
