/**
 * Owns what is known of workers at whom the bus finds nobody: whether they left, as a process does that dies, or were cut
 * off. The two differ by whether their records had been renewed just before, which shows for a few seconds only; so it is
 * looked as soon as a renewal is overdue, not when a session of theirs is wanted.
 *
 * Invariants: what is known of a worker is forgotten when somebody is found there, and counts only while its record stands
 * where it stood; few are looked at of themselves at a time; it decides nothing, and says nothing of how long nobody has
 * been there (`takeover.ts`).
 */
import { BusError, Envelope, type Cluster } from '@causeway/cluster';
import { CausewayError, type WorkerId } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';

/** Milliseconds for an answer, and between two looks. */
export const LOOK = 250;

/** Milliseconds between two looks that nobody asked for: some in the time in which they tell anything. */
const AGAIN = 1_000;
/** Workers that are looked at of themselves at a time. While the log has no leader all of them are overdue. */
const MOST = 32;

export interface Absence {
  /** It had been heard just before: the process is gone, not only cut off. */
  readonly left: boolean;
}

interface Known extends Absence {
  /** Where its record stood. */
  readonly stamp: number | undefined;
  /** When that was found. */
  readonly at: number;
}

/** `late`: an answer that came in time may not have been read here in time. */
export type Look = Absence | 'there' | 'late';

export interface AbsencesDeps {
  readonly cluster: Pick<Cluster, 'bus' | 'ledger' | 'subjects'>;
  readonly worker: WorkerId;
  readonly wheel: Wheel;
  readonly now: () => number;
}

export class Absences implements Disposable {
  readonly #deps: AbsencesDeps;
  readonly #known = new Map<WorkerId, Known>();
  /** Those that are looked at of themselves, with what ends that. */
  readonly #noticed = new Map<WorkerId, () => void>();
  readonly #stop: readonly (() => void)[];

  constructor(deps: AbsencesDeps) {
    const { ledger } = deps.cluster;
    this.#deps = deps;
    this.#stop = [ledger.onOverdue((worker) => this.#notice(worker)), ledger.onChange(() => this.#forget())];
  }

  [Symbol.dispose](): void {
    for (const stop of [...this.#stop, ...this.#noticed.values()]) stop();
    this.#noticed.clear();
  }

  /** Asks the bus whether anybody is at the worker. Rejects with CausewayError `cluster.unavailable`. */
  async look(worker: WorkerId): Promise<Look> {
    const { cluster, now } = this.#deps;
    const { bus, ledger, subjects } = cluster;
    const asked = now();
    try {
      await bus.request(subjects.alive(worker), new Envelope({ t: 'alive', quiet: true }), { deadline: LOOK });
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      const { failure } = error;
      if (failure === 'no_responders') return this.#absent(worker, ledger.stamp(worker));
      if (failure !== 'timeout') throw new CausewayError('cluster.unavailable', { retryAfter: 2 });
      if (now() - asked > 2 * LOOK) return 'late';
    }
    // What was found meanwhile is newer.
    if ((this.#known.get(worker)?.at ?? asked) <= asked) this.#known.delete(worker);
    return 'there';
  }

  #absent(worker: WorkerId, stamp: number | undefined): Absence {
    const left = this.#deps.cluster.ledger.recentlyHeard(worker);
    const known = this.#known.get(worker);
    if (known !== undefined && known.stamp === stamp && (known.left || !left)) return known;
    const absence: Known = { left, stamp, at: this.#deps.now() };
    this.#known.set(worker, absence);
    return absence;
  }

  #notice(worker: WorkerId): void {
    if (worker === this.#deps.worker || this.#noticed.has(worker) || this.#noticed.size >= MOST) return;
    this.#noticed.set(worker, () => undefined);
    void this.#watch(worker, this.#deps.cluster.ledger.stamp(worker));
  }

  /** Whether it has left can be told for as long as it was heard a moment ago; one that is heard again has not. */
  async #watch(worker: WorkerId, stamp: number | undefined): Promise<void> {
    const { cluster, wheel } = this.#deps;
    // A bus that is away tells nothing of others.
    await this.look(worker).catch(() => undefined);
    if (!this.#noticed.delete(worker)) return;
    const { ledger } = cluster;
    if (ledger.stamp(worker) !== stamp || !ledger.recentlyHeard(worker)) return;
    const again = (): void => void this.#watch(worker, stamp);
    this.#noticed.set(worker, wheel.after(AGAIN, again));
  }

  #forget(): void {
    const { ledger } = this.#deps.cluster;
    for (const [worker, { stamp }] of this.#known) if (ledger.stamp(worker) !== stamp) this.#known.delete(worker);
  }
}
