/**
 * Owns taking over sessions whose owner is gone (DECISIONS 7), at the request of an edge that could not reach it.
 *
 * Invariants: an owner is gone when its record is, or says that it has left; a record that still stands is taken away
 * only when the bus has found nobody there for `SILENCE`, and the ledger says that the owner has left, or has passed its
 * fence, and only if it does not renew the record at that very moment; the session's record is moved by
 * compare-and-swap, so of several takers one wins and the others say where the session is; a session is taken once at a
 * time, and none that is known to have ended here; a record is believed only under the generation that it was written in.
 */
import {
  isFormer,
  isOver,
  SETTLED,
  type ClaimHead,
  type Cluster,
  type DownHead,
  type SessionRecord,
  type StoredSession,
} from '@causeway/cluster';
import { CausewayError, type SessionToken, type WorkerId } from '@causeway/protocol';
import { LOOK, type Absences } from './absences.ts';
import type { Capacity } from './capacity.ts';
import type { Definitions } from './definitions.ts';
import { isRecoverable } from './session/announce.ts';
import type { Session } from './session/session.ts';

/** Milliseconds for which nobody must have answered at an owner whose record still stands. */
const SILENCE = 2_000;
/** Milliseconds between two looks at a record that its owner may be writing again. */
const CONFIRMED = 1_000;
/** Looks at which somebody was there, after which the owner is believed to be back. */
const BACK = 3;
/** Milliseconds until an owner that is neither there nor to be given up yet is left to the client's next try. */
const PATIENCE = 6_000;

export interface TakeoverDeps {
  readonly cluster: Cluster;
  readonly worker: WorkerId;
  readonly servers: Pick<Definitions, 'get'>;
  readonly capacity: Capacity;
  readonly absences: Absences;
  readonly sleep: (ms: number) => Promise<void>;
  readonly now: () => number;
  /** A session with this record's facts, under the next epoch. Throws CausewayError. */
  readonly build: (token: SessionToken, stored: StoredSession) => Session;
}

export class Takeover {
  readonly #deps: TakeoverDeps;
  /** Owners whose end is being found out. */
  readonly #looking = new Map<WorkerId, Promise<boolean>>();

  constructor(deps: TakeoverDeps) {
    this.#deps = deps;
  }

  /** The outcome is told through `answer`; that of a session which is begun here by the session itself. Rejects with CausewayError. */
  async take(head: ClaimHead, reply: string, answer: (head: DownHead) => void): Promise<void> {
    const { capacity, cluster, worker } = this.#deps;
    const here = capacity.find(head.session);
    if (here && !here.aftermath.moved) return this.#askHere(here, head, reply, answer);
    // What this worker has let go it may take up again when nothing of it is left.
    if (here && head.t === 'restore' && !capacity.draining) {
      await here.ended;
      return this.take(head, reply, answer);
    }
    const stored = await this.#believed(head.session);
    if (stored === undefined || stored.record.identity !== head.identity) throw new CausewayError('request.session_unknown');
    const { record } = stored;
    const { owner, epoch } = record;
    if (owner !== head.from.owner || epoch !== head.from.epoch) return answer({ t: 'ok', place: { owner, epoch } });
    if (owner !== worker && head.absent !== true && !((await this.#isGone(owner)) && (await this.#staysGone(owner))))
      throw new CausewayError('cluster.owner_silent', { retryAfter: 1 });
    const forgotten = head.t === 'forget';
    if (forgotten || capacity.hasEnded(head.session) || !this.#mayRestart(record)) {
      // Somebody else was faster: what is to be done is to be done with what stands there now.
      if (!(await cluster.sessions.delete(head.session, stored.revision))) return this.take(head, reply, answer);
      if (forgotten) return answer({ t: 'ok' });
      throw new CausewayError('request.session_unknown');
    }
    // While its owner was looked for another edge may have asked for the same.
    if (capacity.find(head.session) !== here) return this.take(head, reply, answer);
    capacity.admit(head.session, () => this.#deps.build(head.session, stored)).restore(stored, reply);
  }

  /**
   * The session's record. When the store was lost or set back, what is missing and what was written before is waited for
   * until its owner could have written it again; then the one has ended, and the other is removed. `undefined`: there is
   * none.
   */
  async #believed(token: SessionToken): Promise<StoredSession | undefined> {
    const { capacity, now, sleep } = this.#deps;
    const { ledger, sessions } = this.#deps.cluster;
    for (const since = now(); now() - since <= 2 * SETTLED; await sleep(CONFIRMED)) {
      // While nothing new is heard of the stores, one who leads them no more may be what answers.
      const followed = ledger.whole;
      const stored = await sessions.get(token);
      if (stored === undefined) {
        if (await isOver(this.#deps.cluster, token, followed)) return undefined;
        continue;
      }
      // Asked after the record was read: what was true before that may be so no longer.
      const { id, revision, since: begun } = await sessions.look();
      if (!isFormer(stored.record, id) || capacity.hasEnded(token)) return stored;
      const settled = stored.revision < revision && now() - begun >= SETTLED;
      if (settled && (await sessions.delete(token, stored.revision))) return undefined;
    }
    throw new CausewayError('cluster.owner_silent', { retryAfter: 2 });
  }

  /** The session is here. Whoever would forget its owner has not reached it, or not yet. */
  async #askHere(here: Session, head: ClaimHead, reply: string, answer: (head: DownHead) => void): Promise<void> {
    const { place } = here;
    const { owner, epoch } = head.from;
    if (head.t === 'forget' && owner === place.owner && epoch === place.epoch)
      return here.control({ t: 'close', identity: head.identity }, reply);
    if (!(await here.begun) && this.#deps.capacity.find(head.session) === here) throw new CausewayError('cluster.moved', { retryAfter: 1 });
    answer({ t: 'ok', place });
  }

  #mayRestart(record: SessionRecord): boolean {
    const server = this.#deps.servers.get(record.server);
    if (!server) throw new CausewayError('cluster.no_worker', { retryAfter: 2 });
    return server.recovery === 'restart' && isRecoverable(record);
  }

  #isGone(owner: WorkerId): Promise<boolean> {
    const looking = this.#looking.get(owner) ?? this.#look(owner).finally(() => this.#looking.delete(owner));
    this.#looking.set(owner, looking);
    return looking;
  }

  /**
   * Whether an owner whose record is gone has not had another since: it would have kept what nobody had taken, by a write
   * to the session's record. So this is asked after that record was read, and of a view that is behind no more.
   */
  async #staysGone(owner: WorkerId): Promise<boolean> {
    const { ledger } = this.#deps.cluster;
    const left = (): boolean | undefined => ledger.workers().get(owner)?.left;
    if (left() === true) return true;
    await ledger.caughtUp();
    return ledger.whole && (left() === true || !ledger.workers().has(owner));
  }

  /** `false`: somebody is there again. Rejects with `cluster.owner_silent` when nothing is certain yet. */
  async #look(owner: WorkerId): Promise<boolean> {
    const { absences, cluster, now, sleep } = this.#deps;
    const { ledger } = cluster;
    const begun = now();
    let there = 0;
    /** Since when every look has found nobody: an owner that comes back for a moment may act again. */
    let nobody: number | undefined;
    const stands = (): boolean => ledger.workers().has(owner);
    // A record that is missing says nothing while some may have been lost.
    while (ledger.workers().get(owner)?.left !== true && (stands() || !ledger.whole)) {
      const look = await absences.look(owner);
      if (look === 'there') [there, nobody] = [there + 1, undefined];
      else if (look === 'late') nobody = undefined;
      else {
        there = 0;
        nobody ??= now();
        if (now() - nobody >= SILENCE && stands() && (await ledger.depose(owner, look))) return true;
      }
      if (there === BACK) return false;
      if (now() - begun > PATIENCE) throw new CausewayError('cluster.owner_silent', { retryAfter: 2 });
      if (there === 0) await sleep(LOOK);
    }
    return true;
  }
}
