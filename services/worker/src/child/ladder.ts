/**
 * Owns the order in which a child is asked, told and forced to end: the end of its stdin, TERM to its
 * group, KILL to its group. Keeps: every step has a deadline, none is waited for once nobody is left, and
 * whoever the leader leaves behind is told to end at once.
 */
import type { Ladder } from './child.ts';
import type { ProcessGroup } from './process-group.ts';

export interface Descent {
  readonly group: ProcessGroup;
  /** Settles when the leader has ended. */
  readonly leader: Promise<unknown>;
  /** Settles to skip the wait for the end of stdin to be obeyed. */
  readonly hasten: Promise<unknown>;
  readonly ladder: Ladder;
}

/** The kernel takes its time with a process that waits for a disk; past this it is not waited for any more. */
const KILLED = 1000;

/** Begins after stdin was ended. Resolves whether the whole group is gone, in `stdin + term` ms and a second at most. */
export async function descend({ group, leader, hasten, ladder }: Descent): Promise<boolean> {
  await within(Promise.race([leader, hasten]), ladder.stdin);
  return (await signalled(group, leader, 'SIGTERM', ladder.term)) || signalled(group, leader, 'SIGKILL', KILLED);
}

async function signalled(group: ProcessGroup, leader: Promise<unknown>, name: 'SIGTERM' | 'SIGKILL', ms: number): Promise<boolean> {
  const until = performance.now() + ms;
  if (!group.signal(name)) return true;
  await within(leader, ms);
  return group.emptied(Math.max(0, until - performance.now()));
}

/** Resolves when `wait` does or after `ms` milliseconds. */
export async function within(wait: Promise<unknown>, ms: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([wait, late.promise]);
  clearTimeout(timer);
}
