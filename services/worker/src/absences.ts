/**
 * Owns what is known of workers at whom the bus finds nobody: since when, and whether they left, as a process does that
 * dies, or were cut off. The two differ by whether their records had been renewed just before, which shows for a few
 * seconds only; so it is looked as soon as a renewal is overdue, not when a session of theirs is wanted.
 *
 * Invariants: what is known of a worker is forgotten when its record is renewed or gone, or somebody is found there; it
 * decides nothing by itself (`takeover.ts`).
 */
import { BusError, Envelope, type Cluster } from '@causeway/cluster';
import { CausewayError, type WorkerId } from '@causeway/protocol';

/** Milliseconds for an answer, and between two looks. */
export const LOOK = 250;

export interface Absence {
  /** By the clock of `AbsencesDeps`. */
  readonly since: number;
  /** It had been heard just before: the process is gone, not only cut off. */
  readonly left: boolean;
  /** Where its record stood. */
  readonly stamp: number | undefined;
}

/** `late`: an answer that came in time may not have been read here in time. */
export type Look = Absence | 'there' | 'late';

export interface AbsencesDeps {
  readonly cluster: Pick<Cluster, 'bus' | 'ledger' | 'subjects'>;
  readonly worker: WorkerId;
  readonly sleep: (ms: number) => Promise<void>;
  readonly now: () => number;
}

export class Absences implements Disposable {
  readonly #deps: AbsencesDeps;
  readonly #known = new Map<WorkerId, Absence>();
  readonly #stop: readonly (() => void)[];

  constructor(deps: AbsencesDeps) {
    const { ledger } = deps.cluster;
    this.#deps = deps;
    this.#stop = [ledger.onOverdue((worker) => void this.#notice(worker)), ledger.onChange(() => this.#forget())];
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stop) stop();
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
    this.#known.delete(worker);
    return 'there';
  }

  #absent(worker: WorkerId, stamp: number | undefined): Absence {
    const known = this.#known.get(worker);
    if (known !== undefined && known.stamp === stamp) return known;
    const absence: Absence = { since: this.#deps.now(), left: this.#deps.cluster.ledger.recentlyHeard(worker), stamp };
    this.#known.set(worker, absence);
    return absence;
  }

  /** Whether it has left can be told while it was heard a moment ago. */
  async #notice(worker: WorkerId): Promise<void> {
    const { cluster, sleep } = this.#deps;
    if (worker === this.#deps.worker) return;
    while (cluster.ledger.recentlyHeard(worker) && !this.#known.has(worker)) {
      // A bus that is away tells nothing of others.
      const look = await this.look(worker).catch(() => 'late' as const);
      if (look === 'there') return;
      if (look === 'late') await sleep(LOOK);
    }
  }

  #forget(): void {
    const workers = this.#deps.cluster.ledger.workers();
    for (const worker of this.#known.keys()) if (!workers.has(worker)) this.#known.delete(worker);
  }
}
