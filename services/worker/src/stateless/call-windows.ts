/**
 * Owns knowing which of the numbered requests of each edge have come: one that was lost on its way is sent again, and one that was
 * taken must not run twice, however long ago that was. Pure.
 *
 * Invariants: of one edge no number is new twice, but one that was refused, which has not run; what is not known for certain not to have
 * come counts as come; for each edge there is kept as much as is missing, within a bound.
 */
import { remember, RecentMap } from '@causeway/runtime';

const EDGES = 1_024;
/** Numbers of one edge that have not come though later ones have: the newest. */
export const MISSING = 4_096;

interface Window {
  newest: number;
  readonly missing: Set<number>;
}

export class CallWindows {
  readonly #edges = new RecentMap<string, Window>(EDGES);

  /** Whether it has not come before. `edge`: all of its addresses begin so. `again`: it believes that this was lost. */
  isNew(edge: string, number: number, again: boolean): boolean {
    const window = this.#edges.get(edge);
    if (!window && again) return false;
    this.#edges.set(edge, window ?? { newest: number, missing: new Set() });
    if (!window) return true;
    if (number <= window.newest) return window.missing.delete(number);
    for (let lost = Math.max(window.newest + 1, number - MISSING); lost < number; lost++) remember(window.missing, lost, MISSING);
    window.newest = number;
    return true;
  }

  /** It was refused, and its edge may not hear that: it may come again. */
  refused(edge: string, number: number): void {
    const window = this.#edges.get(edge);
    if (window) remember(window.missing, number, MISSING);
  }
}
