/**
 * Owns one child from its start until somebody takes it: what it says meanwhile, and its end if it comes before.
 *
 * Invariants: nothing is written to it and its stdout is not read before it is taken, so whoever takes it has a child that
 * has just started, only sooner; from then on its listeners are the taker's alone; its mark names it for as long as it
 * lives, whoever has it.
 */
import { randomBytes } from 'node:crypto';
import type { ServerConfig } from '@causeway/config';
import { CausewayError, type ErrorFacts, type SessionToken } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';
import type { Attempt } from './child/breaker.ts';
import type { Child, ChildListeners } from './child/child.ts';
import { exitFacts } from './child/exit-facts.ts';
import type { StartChild } from './starts.ts';

/** Milliseconds after which a child that only waits counts as one that started well. */
const LASTING = 60_000;

export interface SpareDeps {
  readonly start: StartChild;
  /** Names in marks of children that are not left behind. */
  readonly marks: Set<string>;
  readonly wheel: Wheel;
  /** Is told how this start went. */
  readonly attempt: Attempt;
  /** It ended, or broke, before anybody took it. */
  readonly lost: (facts: ErrorFacts) => void;
}

export interface Spare {
  /** Names it in its mark. */
  readonly id: string;
  /** The child, for these listeners; once. */
  give(listeners: ChildListeners): Child;
  /** Ends it; resolves when it is gone. */
  end(): Promise<void>;
}

/** Rejects with CausewayError `server.start_failed`, `limit.worker`, and the signal's reason. */
export async function startSpare(deps: SpareDeps, server: ServerConfig, signal: AbortSignal): Promise<Spare> {
  const { attempt, lost, marks, wheel } = deps;
  const id = randomBytes(12).toString('base64url');
  let taker: ChildListeners | undefined;
  let child: Child | undefined;
  let cancel = (): void => undefined;
  const listeners: ChildListeners = {
    right: {
      mayTouch: () => taker?.right?.mayTouch() ?? true,
      stops: () => taker?.right?.stops() ?? 0,
      late: () => taker?.right?.late(),
    },
    line: (bytes) => taker?.line(bytes),
    broken: (why) => (taker ? taker.broken(why) : void child?.stop({ gentle: false })),
    exit: (exit) => {
      marks.delete(id);
      if (taker) return taker.exit(exit);
      cancel();
      attempt.failed();
      if (child) lost(exitFacts(exit));
    },
  };
  marks.add(id);
  try {
    child = await deps.start({ token: id as SessionToken, epoch: 1 }, server, listeners, signal);
  } catch (error) {
    marks.delete(id);
    // For want of a turn nothing is said of the server.
    if (error instanceof CausewayError && !error.reason.startsWith('server.')) attempt[Symbol.dispose]();
    else attempt.failed();
    throw error;
  }
  const started = child;
  started.pause();
  if (!marks.has(id)) throw new CausewayError('server.start_failed');
  cancel = wheel.after(LASTING, () => attempt.succeeded());
  return {
    id,
    give: (to) => {
      cancel();
      attempt[Symbol.dispose]();
      taker = to;
      started.resume();
      return started;
    },
    end: async () => {
      cancel();
      await started.stop({ gentle: false });
    },
  };
}
