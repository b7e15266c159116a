/**
 * Owns knowing whether the workers that this edge waits for are still there. The bus tells nobody that whoever was to
 * answer has died: each such worker is asked twice a second, once for all that waits.
 *
 * Invariants: questions cost by the number of workers, never of calls; while nothing waits there are none; a worker
 * is lost when the bus has found nobody there for `NOBODY`, or when it was silent for `SILENT`; what it
 * sent while its own connection was lost is asked for again; without a bus nothing is known and nobody is lost.
 */
import { BusError, decode, encode, type AliveAnswer, type Cluster } from '@causeway/cluster';
import type { WorkerId } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';

/** Milliseconds between questions, and for an answer. */
const INTERVAL = 500;
const ANSWER = 1_000;
/**
 * Milliseconds for which nobody was found, after which a worker is lost: more than it takes to find another server of
 * a NATS cluster, and that one the others; as in the worker's takeover.ts, `SILENCE`.
 */
const NOBODY = 2_000;
/** Milliseconds of silence after which a worker is lost that the bus still finds: more than a pause of 3 s. */
const SILENT = 3_300;

export interface OwnerWatchDeps {
  readonly cluster: Cluster;
  readonly wheel: Wheel;
  readonly now: () => number;
  /** Nothing that waits for this worker will be answered. */
  readonly lost: (worker: WorkerId) => void;
  /** The worker's connection was lost meanwhile. */
  readonly lossy: (worker: WorkerId) => void;
}

interface Watched {
  /** What waits for it, by name. */
  readonly names: Set<string>;
  heard: number;
  /** Since when the bus finds nobody. */
  missing: number | undefined;
  cancel: () => void;
}

export class OwnerWatch implements Disposable {
  readonly #deps: OwnerWatchDeps;
  readonly #watched = new Map<WorkerId, Watched>();
  /** How often each living worker was known to have lost its connection. */
  readonly #losses = new Map<WorkerId, number>();

  constructor(deps: OwnerWatchDeps) {
    this.#deps = deps;
  }

  /** `name` waits for this worker. */
  hold(worker: WorkerId, name: string): void {
    const known = this.#watched.get(worker);
    if (known) return void known.names.add(name);
    const watched: Watched = {
      names: new Set([name]),
      heard: this.#deps.now(),
      missing: undefined,
      cancel: () => undefined,
    };
    this.#watched.set(worker, watched);
    this.#later(worker, watched, INTERVAL);
  }

  /** It waits for it no longer. */
  release(worker: WorkerId, name: string): void {
    const watched = this.#watched.get(worker);
    if (watched?.names.delete(name) && watched.names.size === 0) this.#forget(worker);
  }

  /** What waits for this worker. */
  names(worker: WorkerId): readonly string[] {
    return [...(this.#watched.get(worker)?.names ?? [])];
  }

  /** Forgets what was known of workers without a record. Whether they are lost is the bus's to say: it may be about to bring their last answers. */
  keep(living: Pick<ReadonlySet<WorkerId>, 'has'>): void {
    for (const worker of this.#losses.keys()) if (!living.has(worker)) this.#losses.delete(worker);
  }

  [Symbol.dispose](): void {
    for (const worker of [...this.#watched.keys()]) this.#forget(worker);
  }

  #forget(worker: WorkerId): void {
    this.#watched.get(worker)?.cancel();
    this.#watched.delete(worker);
  }

  #later(worker: WorkerId, watched: Watched, ms: number): void {
    watched.cancel = this.#deps.wheel.after(ms, () => void this.#ask(worker, watched));
  }

  async #ask(worker: WorkerId, watched: Watched): Promise<void> {
    const { cluster, now } = this.#deps;
    const pause = await cluster.bus.request(cluster.subjects.alive(worker), encode({ t: 'alive' }), { deadline: ANSWER }).then(
      ({ data }) => {
        const answer = decode<AliveAnswer>(data)?.head;
        if (answer !== undefined) this.#compare(worker, answer.losses);
        return heard(watched, now());
      },
      (error: unknown) => this.#unanswered(worker, watched, error),
    );
    if (pause !== undefined && this.#watched.get(worker) === watched) this.#later(worker, watched, pause);
  }

  /** One that was never asked before may have lost its connection since whatever waits was sent. */
  #compare(worker: WorkerId, losses: number): void {
    if (losses !== (this.#losses.get(worker) ?? 0)) this.#deps.lossy(worker);
    this.#losses.set(worker, losses);
  }

  /** Milliseconds until the next question; `undefined`: the worker is lost. */
  #unanswered(worker: WorkerId, watched: Watched, error: unknown): number | undefined {
    if (!(error instanceof BusError)) throw error;
    const now = this.#deps.now();
    if (error.failure === 'disconnected' || error.failure === 'aborted') {
      return heard(watched, now);
    }
    const nobody = error.failure === 'no_responders';
    watched.missing = nobody ? (watched.missing ?? now) : undefined;
    if (now - (watched.missing ?? now) < NOBODY && now - watched.heard < SILENT) {
      // A question that ran to its deadline took its time already.
      return nobody ? INTERVAL : 0;
    }
    this.#deps.lost(worker);
    this.#forget(worker);
    return undefined;
  }
}

/** Milliseconds until the next question. */
function heard(watched: Watched, now: number): number {
  watched.heard = now;
  watched.missing = undefined;
  return INTERVAL;
}
