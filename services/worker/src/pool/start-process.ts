/**
 * Owns how a child of a pool begins and what it holds until it is gone: a place under the limits, the child, its
 * greeting. Whatever fails on the way gives everything back.
 */
import { randomBytes } from 'node:crypto';
import type { Permit } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import { asCausewayError, CausewayError, type Identity, type SessionToken } from '@causeway/protocol';
import type { Log, Wheel } from '@causeway/runtime';
import type { Child, ChildRight } from '../child/child.ts';
import type { SessionDeps } from '../session/deps.ts';
import { EraRefused, greet } from './greet.ts';
import { PooledProcess, type Era, type Hearing } from './pooled-process.ts';

export interface ProcessDeps extends Pick<SessionDeps, 'admit' | 'limitsOf' | 'attempt' | 'startChild' | 'mayAct' | 'awake' | 'stops'> {
  readonly wheel: Wheel;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** The marks of these children: as long as one is among them, nobody takes its child for one that was left behind. */
  readonly marks: Set<string>;
  /** A child may have missed changes of its server's lists. */
  readonly lapsed: () => void;
}

export interface ProcessOrder {
  readonly server: ServerConfig;
  readonly era: Era;
  /** Whose share of the limits it takes. */
  readonly share: Identity | undefined;
  readonly hears: Hearing;
  /** It ended, or broke, by itself. */
  readonly lost: (process: PooledProcess) => void;
  readonly signal: AbortSignal;
}

export interface StartedProcess {
  readonly process: PooledProcess;
  /**
   * Ends the child and gives its place back; resolves when it is gone. Idempotent, never rejects. Without an error the
   * child has its time to read what it was told last, and to end by itself.
   */
  readonly stop: (error?: CausewayError) => Promise<void>;
}

/** Rejects with CausewayError `limit.*`, `server.*`, `cluster.unavailable`, and the signal's reason. */
export async function startProcess(deps: ProcessDeps, order: ProcessOrder): Promise<StartedProcess> {
  const { server, share, signal } = order;
  /** Its place went to others. */
  const revoked = new AbortController();
  const permit = await deps.admit(
    { server: server.name, limits: deps.limitsOf(server), ...(share === undefined ? {} : { identity: share }) },
    { signal, revoked: () => revoked.abort(new CausewayError('cluster.unavailable', { retryAfter: 2 })) },
  );
  try {
    const started = await launch(deps, { ...order, signal: AbortSignal.any([signal, revoked.signal]) }, permit);
    revoked.signal.addEventListener('abort', () => void started.stop(new CausewayError('session.ended')));
    return started;
  } catch (error) {
    permit.release();
    throw error;
  }
}

async function launch(deps: ProcessDeps, order: ProcessOrder, permit: Permit): Promise<StartedProcess> {
  const { server, era, signal } = order;
  const id = randomBytes(12).toString('base64url');
  // Until it has succeeded nobody's words but our own greeting are said to it.
  using attempt = deps.attempt(server.name);
  let child: Child | undefined;
  const process = new PooledProcess(id, era, () => child, { hears: order.hears, now: deps.now, wheel: deps.wheel });
  const lose = (): void => {
    attempt.failed();
    order.lost(process);
  };
  deps.marks.add(id);
  const broken = (why: string): void => {
    process.end(new CausewayError('server.broken', { facts: { why } }));
    lose();
  };
  /** It is ended without being told anything more. */
  let cut = false;
  const listeners = {
    right: rightOver(deps, () => !cut, broken),
    // Whatever one child prints, it must not end what others run.
    line: (line: Buffer) => {
      try {
        process.line(line);
      } catch (error) {
        deps.log.error({ err: error, server: server.name }, 'line of the server not handled');
        broken('line');
      }
    },
    broken,
    exit: (exit: Parameters<PooledProcess['exited']>[0]) => {
      process.exited(exit);
      lose();
    },
  };
  const leave = async (gentle: boolean): Promise<void> => {
    await child?.stop({ gentle });
    deps.marks.delete(id);
    permit.release();
  };
  let gone: Promise<void> | undefined;
  const stop = (error?: CausewayError): Promise<void> => {
    cut ||= error !== undefined;
    process.end(error ?? new CausewayError('session.ended'));
    gone ??= leave(error === undefined);
    return gone;
  };
  let cancel = (): void => undefined;
  try {
    child = await deps.startChild({ token: id as SessionToken, epoch: 1 }, server, listeners, signal);
    signal.throwIfAborted();
    signal.addEventListener('abort', () => process.end(asCausewayError(signal.reason)), { once: true });
    cancel = deps.wheel.after(server.startTimeout, () => process.end(new CausewayError('server.start_timeout')));
    await greet(process, deps);
    // It may have ended in the turn in which it answered.
    process.assertThere();
    attempt.succeeded();
    return { process, stop };
  } catch (error) {
    if (blames(error)) attempt.failed();
    else attempt[Symbol.dispose]();
    const told = asStartFailure(error, child?.lastWords());
    await stop(asCausewayError(error));
    throw told;
  } finally {
    cancel();
  }
}

/** Where the lease is over every pool is discarded by that; a doubt is none of its business. */
function rightOver({ awake, stops }: ProcessDeps, lives: () => boolean, broken: (why: string) => void): ChildRight {
  return {
    mayTouch: () => {
      awake();
      return lives();
    },
    stops,
    late: () => broken('late'),
  };
}

/** Whether it says that the server does not start well: for want of a turn or of its pool nothing does, nor a server that proves its other era. */
function blames(error: unknown): boolean {
  if (!(error instanceof CausewayError)) return true;
  return error.reason.startsWith('server.') && !(error instanceof EraRefused && error.proved.modern);
}

/** Nobody's request was on it yet: whatever ended it, nothing was executed. With its last words. */
function asStartFailure(error: unknown, stderr: readonly string[] = []): unknown {
  if (!(error instanceof CausewayError)) return error;
  if (error instanceof EraRefused) return new EraRefused(error.era, error.proved, stderr);
  const { facts, message, reason, ref } = error;
  const detail = { facts: { stderr, ...facts }, ref };
  if (reason === 'server.exited' || reason === 'server.broken') return new CausewayError('server.start_failed', detail);
  if (reason === 'server.reply_invalid') return new CausewayError('server.start_failed', { ...detail, message });
  return reason === 'server.start_timeout' ? new CausewayError(reason, detail) : error;
}
