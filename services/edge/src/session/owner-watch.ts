/**
 * Owns knowing whether the workers that this edge waits for are still there. The bus tells nobody that whoever was to
 * answer has died: each such worker is asked twice a second, once for all that waits.
 *
 * Invariants: questions cost by the number of workers, never of calls; while nothing waits there are none, but to a
 * worker that is silent; a worker is lost when the bus has found nobody there for `NOBODY`, which is told from half of
 * that time on, or when it was silent for `SILENT` while this edge ran, and is then known as silent until it says something; what it sent
 * while its own connection was lost, or while nobody was found at it or here, is asked for again; without a bus nothing is known and nobody is lost, nor by one that is back and knows nobody yet.
 */
import { BusError, Envelope, envelopeOf, LEASE_TIMES, type AliveAnswer, type Cluster } from '@causeway/cluster';
import type { WorkerId } from '@causeway/protocol';
import type { Wheel } from '@causeway/runtime';

/** Milliseconds until the next question: after an answer, and without one. */
const INTERVAL = 500;
const ANSWER = 1_000;
/**
 * Milliseconds for which nobody was found, after which a worker is lost: more than it takes to find another server of
 * a NATS cluster, and that one the others; as in the worker's takeover.ts, `SILENCE`.
 */
export const NOBODY = 2_000;
/** Milliseconds of that after which it is likely. */
const LIKELY = 1_000;
/** Milliseconds of silence after which a worker is lost that the bus still finds: more than a pause of 3 s. */
const SILENT = 3_300;
/** Milliseconds after which a worker that was not heard by anybody has lost its lease. */
const APART = LEASE_TIMES.ttl;

/**
 * `silent`: the bus finds somebody who says nothing, as one that is stopped: what is sent there is taken late, or never.
 * `gone`: it has left, or is silent and has lost its record: nobody waits for it any more, and others may take over.
 */
export type Presence = 'there' | 'silent' | 'gone';

export interface OwnerWatchDeps {
  readonly cluster: Cluster;
  readonly wheel: Wheel;
  readonly now: () => number;
  /** What waits under this name will hardly be answered; told until it is lost, or its worker there. */
  readonly missing: (name: string) => void;
  /** What waits under this name will not be answered. */
  readonly lost: (name: string) => void;
  /** What it sent, or was sent, meanwhile may have been lost. */
  readonly lossy: (worker: WorkerId) => void;
}

interface Watched {
  /** What waits for it, by name. */
  readonly names: Set<string>;
  /** When it was heard, or would have been, had this edge run since: what it stood still for is nobody's silence. */
  heard: number;
  /** When the next question is due. */
  due: number;
  /** Since when the bus finds nobody. */
  missing: number | undefined;
  /** It was lost for its silence, and has said nothing since. */
  silent: boolean;
  cancel: () => void;
}

export class OwnerWatch implements Disposable {
  readonly #deps: OwnerWatchDeps;
  readonly #watched = new Map<WorkerId, Watched>();
  /** How often each living worker was known to have lost its connection. */
  readonly #losses = new Map<WorkerId, number>();
  #backSince = -Infinity;
  /** How far the log was seen when the bus came back; `undefined`: it was seen further since. */
  #seen: number | undefined;

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
      due: 0,
      missing: undefined,
      silent: false,
      cancel: () => undefined,
    };
    this.#watched.set(worker, watched);
    this.#later(worker, watched, INTERVAL);
  }

  /** It waits for it no longer. */
  release(worker: WorkerId, name: string): void {
    const watched = this.#watched.get(worker);
    if (watched?.names.delete(name)) this.#keepOn(worker, watched);
  }

  /** What is known of a worker, by its record and by what it said here, before anything is sent to it. */
  presence(worker: WorkerId): Presence {
    const record = this.#deps.cluster.ledger.workers().get(worker);
    if (record?.left) return 'gone';
    if (this.#watched.get(worker)?.silent !== true) return 'there';
    return record === undefined ? 'gone' : 'silent';
  }

  /** The bus is back: the server here may not have found the others yet. */
  reconnect(): void {
    this.#backSince = this.#deps.now();
    this.#seen = this.#deps.cluster.ledger.position;
  }

  /** The moment at which the bus came back last, in milliseconds of `now`. */
  get backSince(): number {
    return this.#backSince;
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
    for (const [worker, watched] of [...this.#watched]) this.#forget(worker, watched);
  }

  /** One that is silent is asked until it is heard, or found by nobody, whether or not anything waits for it. */
  #keepOn(worker: WorkerId, watched: Watched): void {
    if (watched.names.size === 0 && !watched.silent) this.#forget(worker, watched);
  }

  /** An answer may come when nothing waits any more that waited when it was asked, and something else does. */
  #forget(worker: WorkerId, watched: Watched): void {
    watched.cancel();
    if (this.#watched.get(worker) === watched) this.#watched.delete(worker);
  }

  #later(worker: WorkerId, watched: Watched, ms: number): void {
    watched.due = this.#deps.now() + ms;
    watched.cancel = this.#deps.wheel.after(ms, () => this.#ask(worker, watched));
  }

  /** This moment; by as much as it is late this edge stood still, was stopped or starved, and nobody could be heard. */
  #now(watched: Watched): number {
    const now = this.#deps.now();
    watched.heard += Math.max(0, now - watched.due);
    return now;
  }

  /** Judges by what was heard until now, and asks once more; what is asked while much else is on its way is answered late. */
  #ask(worker: WorkerId, watched: Watched): void {
    const asked = this.#now(watched);
    watched.silent ||= asked - watched.heard >= SILENT;
    if (watched.silent) this.#lose(watched);
    this.#later(worker, watched, ANSWER);
    const { bus, subjects } = this.#deps.cluster;
    bus.request(subjects.alive(worker), new Envelope({ t: 'alive' }), { deadline: SILENT }).then(
      (message) => {
        const answer = envelopeOf<AliveAnswer>(message)?.head;
        if (this.#lost(worker, answer?.losses) || watched.missing !== undefined) this.#deps.lossy(worker);
        this.#heard(worker, watched);
      },
      (error: unknown) => this.#unanswered(worker, watched, asked, error),
    );
  }

  #lose({ names }: Watched): void {
    for (const name of [...names]) this.#deps.lost(name);
  }

  /** Whether something was lost on its side; one that was never asked before may have lost something since whatever waits was sent. */
  #lost(worker: WorkerId, losses: number | undefined): boolean {
    const known = this.#losses.get(worker) ?? 0;
    if (losses !== undefined) this.#losses.set(worker, losses);
    return losses !== undefined && losses !== known;
  }

  #heard(worker: WorkerId, watched: Watched): void {
    watched.heard = this.#deps.now();
    watched.missing = undefined;
    watched.silent = false;
    this.#keepOn(worker, watched);
    this.#sooner(worker, watched);
  }

  /** Something is known of it: the next question. */
  #sooner(worker: WorkerId, watched: Watched): void {
    if (this.#watched.get(worker) !== watched) return;
    watched.cancel();
    this.#later(worker, watched, INTERVAL);
  }

  #unanswered(worker: WorkerId, watched: Watched, asked: number, error: unknown): void {
    if (!(error instanceof BusError)) throw error;
    const { failure } = error;
    if (failure === 'disconnected' || failure === 'aborted') return this.#heard(worker, watched);
    if (failure === 'timeout') {
      // Somebody was found then.
      if (watched.missing !== undefined && watched.missing <= asked) watched.missing = undefined;
      return;
    }
    const now = this.#deps.now();
    const alone = this.#alone(now);
    if (alone) watched.heard = now;
    watched.missing = alone ? now : (watched.missing ?? now);
    const missed = now - watched.missing;
    if (missed >= NOBODY) {
      // Whoever hears of it may wait for it anew.
      this.#forget(worker, watched);
      return this.#lose(watched);
    }
    if (missed >= LIKELY) for (const name of [...watched.names]) this.#deps.missing(name);
    this.#sooner(worker, watched);
  }

  /**
   * Whether the server here may be the one that nobody finds: since the bus is back nothing new was seen of the log, of which
   * most servers must agree. A cluster that was started anew finds itself within seconds, its clients sooner.
   */
  #alone(now: number): boolean {
    if (this.#seen !== this.#deps.cluster.ledger.position || now - this.#backSince >= APART) this.#seen = undefined;
    return this.#seen !== undefined;
  }
}
