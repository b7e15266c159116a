/**
 * Owns what a session makes of its child: whether it may be touched, what it says, and its end.
 *
 * Invariants: nothing is heard once the session ends; whoever is about to touch the child asks the lease first, for this
 * process may have stood still since it was asked last.
 */
import { CausewayError } from '@causeway/protocol';
import type { ChildListeners } from '../child/child.ts';
import { exitFacts } from '../child/exit-facts.ts';
import type { SessionDeps, SessionHeld } from './deps.ts';
import { receive } from './downstream.ts';
import type { Hold } from './hold.ts';
import { startBroken } from './outcome.ts';
import type { SessionParts } from './parts.ts';
import type { Readers } from './readers.ts';

export interface HearingDeps {
  readonly parts: SessionParts;
  readonly deps: Pick<SessionDeps, 'awake' | 'stops'>;
  readonly held: SessionHeld;
  readonly hold: Hold;
  readonly readers: Readers;
  /** The session ends, or has ended. */
  readonly closing: () => boolean;
}

/** What the child of the session is started with. */
export function hearChild({ parts, deps, held, hold, readers, closing }: HearingDeps): ChildListeners {
  let broken = false;
  return {
    right: {
      mayTouch: () => {
        deps.awake();
        return hold.touchable;
      },
      stops: deps.stops,
      // Its edge has told its client by now that nothing is known of the call.
      late: () => parts.close('lease_lost', new CausewayError('cluster.owner_lost')),
    },
    line: (line, call) => {
      if (broken || closing()) return;
      receive(parts, line, call);
      readers.balance();
    },
    broken: (why) => {
      broken = true;
      held.attempt?.failed();
      if (!parts.starting()) return parts.close('child_broken', new CausewayError('server.broken', { facts: { why } }));
      // Pipes have no order: by the end of this turn also that is read which it had written to stderr before.
      setImmediate(() => parts.close('start_failed', startBroken(parts, why)));
    },
    exit: (exit) => {
      const detail = { facts: exitFacts(exit) };
      held.attempt?.failed();
      if (parts.starting()) parts.close('start_failed', new CausewayError('server.start_failed', detail));
      else parts.close('child_exit', new CausewayError('server.exited', detail));
    },
  };
}
