/**
 * Owns the signals to a child's process group. The child leads its group, so the group's number is the
 * child's; the number cannot be given to another process while any member lives, dead or alive.
 *
 * Invariant: after the group was once found empty, nothing is signalled under that number again.
 */
import { processes, readStat } from './proc.ts';

export interface ProcessGroup {
  /** Sends the signal to every member; false when nobody is left. */
  signal(name: 'SIGTERM' | 'SIGKILL'): boolean;
  /** Tells that the leader has ended and was collected: its number may now belong to somebody else. */
  leaderGone(): void;
  /** Whether any member is left, counting those that ended but were not collected. */
  readonly exists: boolean;
  /** Resolves `true` as soon as no member lives, `false` after `ms` milliseconds. */
  emptied(ms: number): Promise<boolean>;
}

export function processGroup(id: number): ProcessGroup {
  return new Group(id);
}

/** Below this much waiting a scan of /proc is not worth it. */
const SCAN_AFTER = 100;

class Group implements ProcessGroup {
  readonly #id: number;
  #gone = false;
  #leaderGone = false;

  constructor(id: number) {
    this.#id = id;
  }

  signal(name: 'SIGTERM' | 'SIGKILL' | 0): boolean {
    if (this.#gone) return false;
    try {
      process.kill(-this.#id, name);
      return true;
    } catch (error) {
      // EPERM: members exist, but run as somebody else.
      if ((error as NodeJS.ErrnoException).code === 'EPERM') return true;
      this.#gone = true;
      return false;
    }
  }

  leaderGone(): void {
    this.#leaderGone = true;
    // A live process under the number of a collected one is a stranger: the group was empty in between.
    if (readStat(this.#id) !== undefined) this.#gone = true;
  }

  get exists(): boolean {
    return this.signal(0);
  }

  async emptied(ms: number): Promise<boolean> {
    const until = performance.now() + ms;
    // The system tells nobody when a group runs empty, so this looks, ever less often and never past the deadline.
    for (let pause = 4; ; pause = Math.min(pause * 2, 250)) {
      if (!this.exists) return true;
      if (pause > SCAN_AFTER && this.#leaderGone && !(await this.#hasLiving())) return true;
      const left = until - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => void setTimeout(resolve, Math.min(pause, left)));
    }
  }

  /** Where nobody collects orphans (a container without an init) the dead keep the group in existence. */
  async #hasLiving(): Promise<boolean> {
    if (process.platform !== 'linux') return true;
    for await (const { group, dead } of processes()) if (group === this.#id && !dead) return true;
    this.#gone = true;
    return false;
  }
}
