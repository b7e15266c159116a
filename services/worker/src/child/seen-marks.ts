/**
 * Owns what the processes of this machine were found to carry, so that a search reads each environment once: it is that
 * of the last `exec`, and to read it costs more than to look whether its process is still the same.
 *
 * Invariants: a process is known by its number and start time; one without a mark is read a second time at a later search,
 * for between `fork` and `exec` a child shows the environment of its worker; what is gone is forgotten.
 */
import type { ProcessStat } from './proc.ts';

interface Seen {
  readonly started: string;
  readonly mark: string;
  /** It was found so before, by an earlier search. */
  readonly again: boolean;
}

/** Stands for no mark. */
const NONE = '';

export class SeenMarks {
  readonly #seen = new Map<number, Seen>();

  /** The mark of a process, `''` if it is known to carry none; `undefined` if its environment has to be read. */
  of({ pid, started }: ProcessStat): string | undefined {
    const seen = this.#seen.get(pid);
    if (seen?.started !== started) return undefined;
    return seen.mark === NONE && !seen.again ? undefined : seen.mark;
  }

  /** What was read in its environment. */
  note({ pid, started }: ProcessStat, mark: string = NONE): void {
    const before = this.#seen.get(pid);
    this.#seen.set(pid, { started, mark, again: before?.started === started && before.mark === mark });
  }

  /** Forgets all but these. */
  keep(pids: { has(pid: number): boolean }): void {
    for (const pid of this.#seen.keys()) if (!pids.has(pid)) this.#seen.delete(pid);
  }
}
