/**
 * Owns finding the present owner of a session whose owner could not be reached or has let it go: the record says who
 * it is; where it still names the one that is gone, a worker is asked to take the session over (DECISIONS 7).
 *
 * Invariants: nothing is asked of a worker twice at a time for one session; a worker is asked only after a definite
 * no of the one before; whoever is found is asked by the caller again, so nothing is ever sent to two owners.
 */
import { BusError, errorOf, isOver, type ClaimHead, type Place, type VerdictHead } from '@causeway/cluster';
import { CausewayError, type SessionToken, type WorkerId } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import { Candidates } from './candidates.ts';
import { busFailure } from './failures.ts';

/** `unreached`: the bus found nobody at the owner. `absent`: it answers, and does not hold the session. */
export type Missing = 'unreached' | 'absent';

/** How often the record may turn out to have changed meanwhile. */
const MOVES = 3;
/** Milliseconds for which an ended session is known as such without another look at its record. */
const ENDED = 5_000;
const MAX_ENDED = 4_096;
/** Milliseconds for a look at the record of a session whose owner is silent: its call is refused at once. */
const MOMENT = 1_000;
/** Milliseconds after which an owner that nobody else could replace is tried again, or a worker that was not found. */
const AGAIN = 300;

export class Relocation {
  readonly #edge: () => EdgeContext;
  readonly #running = new Map<SessionToken, Promise<Place>>();
  readonly #seeking = new Map<SessionToken, Promise<Place | undefined>>();
  readonly #ended = new Map<SessionToken, number>();

  constructor(edge: () => EdgeContext) {
    this.#edge = edge;
  }

  /** Where the session is, `tried` being where it is not. Rejects with CausewayError `request.session_unknown`, `cluster.*`, `limit.*`, `server.*`. */
  find(session: KnownSession, tried: Place, missing: Missing): Promise<Place> {
    const { token } = session;
    const known = this.#edge().places.of(session);
    if (known.epoch > tried.epoch) return Promise.resolve(known);
    const running = this.#running.get(token) ?? this.#find(session, tried, missing).finally(() => this.#running.delete(token));
    this.#running.set(token, running);
    return running;
  }

  /**
   * Whom the record names as an owner after `tried`, which is silent, and was not asked. `undefined`: nobody, or it is not to
   * be known within a moment. Nobody is made to take the session over, and nothing is said of one that is not found: where
   * servers are split without a word an owner on the other side is silent, and the record may be what a former leader has.
   */
  successor(session: KnownSession, tried: Place): Promise<Place | undefined> {
    const { token } = session;
    const running = this.#seeking.get(token) ?? this.#seek(session, tried).finally(() => this.#seeking.delete(token));
    this.#seeking.set(token, running);
    return running;
  }

  async #seek({ token, identity }: KnownSession, tried: Place): Promise<Place | undefined> {
    const { cluster, places, wheel } = this.#edge();
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const cancel = wheel.after(MOMENT, () => resolve(undefined));
    const stored = await Promise.race([cluster.sessions.get(token).catch(() => undefined), late]).finally(cancel);
    if (stored?.record.identity !== identity || stored.record.epoch <= tried.epoch) return undefined;
    const { owner, epoch } = stored.record;
    places.learn(token, { owner, epoch });
    return { owner, epoch };
  }

  /** Ends a session whose owner is gone. `true`: it has an owner, the same or another, who is to be told. Rejects as `find` does. */
  async forget(session: KnownSession, tried: Place, missing: Missing): Promise<boolean> {
    const place = (await this.#recorded(session, tried)) ?? (await this.#claim('forget', session, tried, missing));
    if (place === undefined) return false;
    this.#edge().places.learn(session.token, place);
    return true;
  }

  async #find(session: KnownSession, tried: Place, missing: Missing): Promise<Place> {
    const found = await this.#recorded(session, tried);
    const place = found ?? (await this.#claim('restore', session, tried, missing)) ?? tried;
    this.#edge().places.learn(session.token, place);
    return place;
  }

  /** Whom the record names, if that is another than `tried`. */
  async #recorded({ token, identity }: KnownSession, tried: Place): Promise<Place | undefined> {
    const { cluster, clock } = this.#edge();
    const at = this.#ended.get(token);
    if (at !== undefined && clock.monotonic() - at < ENDED) throw new CausewayError('request.session_unknown');
    // What was read before the stores were followed again may be what one had who leads them no more.
    const followed = cluster.ledger.whole;
    const stored = await cluster.sessions.get(token);
    if (stored === undefined && !(await isOver(cluster, token, followed)))
      throw new CausewayError('cluster.owner_silent', { retryAfter: 1 });
    if (stored === undefined || stored.record.identity !== identity) {
      if (this.#ended.size >= MAX_ENDED) this.#ended.clear();
      this.#ended.set(token, clock.monotonic());
      throw new CausewayError('request.session_unknown');
    }
    const { owner, epoch } = stored.record;
    if (owner === tried.owner && epoch === tried.epoch) return undefined;
    // An earlier owner than the one that was tried: the store was set back, or another one may be told.
    if (epoch < tried.epoch) this.#edge().places.correct(token, { owner, epoch });
    return { owner, epoch };
  }

  /** The place that a worker has told; `undefined`: the session is forgotten. */
  async #claim(t: ClaimHead['t'], session: KnownSession, tried: Place, missing: Missing): Promise<Place | undefined> {
    const { token, identity } = session;
    const head: ClaimHead = { t, session: token, identity, from: tried, ...(missing === 'absent' ? { absent: true } : {}) };
    const candidates = new Candidates(this.#edge(), session.server);
    let last = new CausewayError('cluster.moved', { retryAfter: 1 });
    for (let moved = 0; moved < MOVES;) {
      const worker = await this.#next(tried, missing, candidates);
      // Its connection may only have been lost for a moment: whoever sends there again finds out.
      if (worker === undefined) return this.#later().then(() => tried);
      const verdict = await this.#ask(worker, session.server, head);
      if (verdict === undefined) {
        candidates.miss(worker);
        continue;
      }
      candidates.found(worker);
      if (verdict.t === 'ok') return verdict.place;
      last = errorOf(verdict);
      if (candidates.refuse(worker, last)) continue;
      if (last.reason !== 'cluster.moved') throw last;
      moved += 1;
      // Somebody was faster: the record says who.
      const place = await this.#recorded(session, tried);
      if (place !== undefined) return place;
    }
    throw last;
  }

  #later(): Promise<void> {
    return new Promise((resolve) => this.#edge().wheel.after(AGAIN, resolve));
  }

  /**
   * An owner that answers may take up again what it let go; else as for a new session. `undefined`: there is nobody but
   * the owner, whose record stands. Rejects with CausewayError.
   */
  async #next(tried: Place, missing: Missing, candidates: Candidates): Promise<WorkerId | undefined> {
    for (;;) {
      const workers = this.#edge().cluster.ledger.workers();
      const former = workers.get(tried.owner);
      if (missing === 'absent' && former && !former.draining && candidates.may(tried.owner)) return tried.owner;
      const chosen = candidates.next([...workers.values()].filter(({ worker }) => missing === 'absent' || worker !== tried.owner));
      const back = former !== undefined && missing === 'unreached';
      if (chosen instanceof CausewayError) {
        if (back && chosen.reason !== 'limit.worker') return undefined;
        throw chosen;
      }
      if (chosen !== 'later') return chosen.worker;
      if (back) return undefined;
      await this.#later();
    }
  }

  /** `undefined`: nobody was there. */
  #ask(worker: WorkerId, server: string, head: ClaimHead): Promise<VerdictHead | undefined> {
    const { cluster, exchanges, servers, opens } = this.#edge();
    const { promise, resolve, reject } = Promise.withResolvers<VerdictHead | undefined>();
    const exchange = exchanges.begin(
      {
        receive: (answer) => {
          if (answer.t === 'ok' || answer.t === 'no') resolve(answer);
        },
        undelivered: () => resolve(undefined),
        lost: () => reject(new CausewayError('cluster.owner_silent', { retryAfter: 2 })),
      },
      servers.deadline(server, 'start'),
    );
    opens.add(worker, head.session);
    const send = (): void => exchange.send(worker, cluster.subjects.open(worker), head);
    exchange.repeat(send);
    try {
      send();
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      reject(busFailure(error));
    }
    return promise.finally(() => {
      opens.delete(worker, head.session);
      exchange.end();
    });
  }
}
