/**
 * Owns the children of a pool that nobody uses: which was used last, which is idle for longest, and when one is idle for
 * too long.
 *
 * Invariants: one is given out before those that are idle for longer, so that what is more than needed becomes idle for
 * long; a child that was idle for `SURPLUS` is given up while the pool has another, the last one after `last`.
 */
import { Chain, type Wheel } from '@causeway/runtime';
import type { Member } from './lease.ts';

/** Milliseconds. */
const SURPLUS = 30_000;

export interface IdleMembersDeps {
  readonly wheel: Wheel;
  readonly now: () => number;
  /** Milliseconds of idleness after which the last child is given up. */
  readonly last: number;
  /** Whether the pool has no other child, idle or not. */
  readonly alone: () => boolean;
  readonly giveUp: (member: Member) => void;
}

export class IdleMembers implements Iterable<Member> {
  readonly #deps: IdleMembersDeps;
  /** The latest first. */
  readonly #members = new Chain<Member>();

  constructor(deps: IdleMembersDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Idle for longest. */
  get oldest(): Member | undefined {
    return this.#members.last?.value;
  }

  /** The latest first; meanwhile the one in hand may be removed. */
  [Symbol.iterator](): Iterator<Member, undefined> {
    return this.#members[Symbol.iterator]();
  }

  add(member: Member): void {
    const { wheel, now, last, alone, giveUp } = this.#deps;
    member.idleSince = now();
    member.idle = this.#members.addFirst(member);
    const surplus = Math.min(SURPLUS, last);
    // One is kept for whoever comes next; a burst's others are not.
    member.cancelIdle = wheel.after(surplus, () => {
      if (!alone()) return giveUp(member);
      member.cancelIdle = wheel.after(last - surplus, () => giveUp(member));
    });
  }

  /** It is used, or gone. */
  remove(member: Member): void {
    member.cancelIdle();
    if (member.idle) this.#members.remove(member.idle);
    member.idle = undefined;
  }
}
