/**
 * Owns opening a session: choosing a worker, asking it, and asking the next one when it refuses for want
 * of room or is gone.
 *
 * Invariants: one worker is asked at a time, once more should a connection be lost before its word; the next one only
 * after a definite no to what was sent once, so that a session is never started twice, and no late word of one worker is
 * taken for another's.
 */
import { BusError, errorOf, type DownHead, type FrameHead } from '@causeway/cluster';
import { agreedRevision, CausewayError, mintSession, sealSession, type Identity, type SessionId } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import { abandon, followed } from './call.ts';
import { Candidates } from './candidates.ts';
import type { Exchange, Listener, Loss } from './exchange.ts';
import { busFailure } from './failures.ts';

export interface Opening {
  readonly server: string;
  readonly identity: Identity;
  /** Whose share of the limits it takes. */
  readonly share?: Identity | undefined;
  readonly transport: 'streamable' | 'sse';
  /** The client's initialize; a 2024-11-05 stream opens without. */
  readonly first?: { readonly head: FrameHead; readonly body: Buffer };
}

export interface OpenedSession extends KnownSession {
  readonly id: SessionId;
}

/** What becomes of an opening, besides what `Listener` says. */
export interface OpenListener extends Listener {
  /** Refused for good, before anything was executed. */
  refused(error: CausewayError): void;
}

export class SessionOpening implements Listener {
  readonly #edge: EdgeContext;
  readonly #opening: Opening;
  readonly #listener: OpenListener;
  readonly #exchange: Exchange;
  readonly #candidates: Candidates;
  #session: OpenedSession | undefined;
  #accepted = false;

  constructor(edge: EdgeContext, opening: Opening, listener: OpenListener) {
    this.#edge = edge;
    this.#opening = opening;
    this.#listener = listener;
    this.#candidates = new Candidates(edge, opening.server);
    this.#exchange = edge.exchanges.begin(this, opening.transport === 'sse' ? undefined : edge.servers.deadline(opening.server, 'start'));
  }

  get exchange(): Exchange {
    return this.#exchange;
  }

  /** The session as the worker asked last would open it; once the server has answered, with an id that says what was agreed on. */
  get session(): OpenedSession | undefined {
    return this.#session;
  }

  /** Asks the next worker, also a moment later; refuses when there is none. */
  ask(): void {
    const { cluster, clock, key } = this.#edge;
    const { server, identity, share, transport, first } = this.#opening;
    this.#forget();
    const chosen = this.#candidates.next();
    if (chosen instanceof CausewayError) return this.#refuse(chosen);
    if (chosen === 'later') return this.#exchange.later(() => this.ask());
    const { worker } = chosen;
    const audience = { server, identity, transport };
    const minted = mintSession(key, { owner: worker, audience, revision: undefined, now: clock.now() });
    const { token } = minted;
    this.#session = { ...minted, server, identity };
    this.#edge.opens.add(worker, token);
    const head = {
      t: 'open' as const,
      server,
      session: token,
      identity,
      stream: this.#exchange.name,
      transport,
      ...(share === undefined ? {} : { share }),
    };
    const send = (): void =>
      this.#exchange.send(worker, cluster.subjects.open(worker), first ? { ...head, frame: first.head } : head, first?.body);
    this.#exchange.repeat(send, true);
    try {
      send();
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      this.#refuse(busFailure(error));
    }
  }

  receive(head: DownHead, body: Buffer): void {
    this.#forget();
    if (head.t === 'no' && !this.#accepted) {
      const error = errorOf(head);
      if (this.#exchange.repeated) return this.#giveUp(error);
      if (!this.#session || !this.#candidates.refuse(this.#session.owner, error)) return this.#refuse(error);
      return this.#askNext();
    }
    if (!this.#accepted && this.#session) {
      this.#candidates.found(this.#session.owner);
      // From the worker's first word on the stream exists, and can be taken up again.
      const after = head.t === 'server' ? head.seq : 0;
      this.#exchange.follow(followed(this.#edge, this.#session, { owner: this.#session.owner, epoch: 1 }, this.#exchange.name, after));
    }
    this.#accepted = true;
    if (head.t === 'server' && head.revision !== undefined) this.#agree(head.revision);
    this.#listener.receive(head, body);
  }

  #agree(chosen: string): void {
    if (!this.#session) return;
    const { server, identity, transport } = this.#opening;
    const session = { ...this.#session, revision: agreedRevision(chosen) };
    this.#session = { ...session, id: sealSession(this.#edge.key, session, { server, identity, transport }) };
  }

  undelivered(): void {
    if (this.#accepted || !this.#session) return this.#listener.undelivered();
    this.#candidates.miss(this.#session.owner);
    this.#askNext();
  }

  lost(why: Loss): void {
    this.#forget();
    this.#listener.lost(why);
  }

  /** The other sending may have been taken, or may be yet: whatever comes of it is to end. */
  #giveUp(error: CausewayError): void {
    if (this.#session) abandon(this.#edge, this.#session);
    this.#refuse(error.reason === 'request.event_id' ? new CausewayError('cluster.owner_lost') : error);
  }

  #askNext(): void {
    this.#exchange.unbind();
    this.ask();
  }

  #refuse(error: CausewayError): void {
    this.#forget();
    this.#exchange.end();
    this.#listener.refused(error);
  }

  #forget(): void {
    if (this.#session) this.#edge.opens.delete(this.#session.owner, this.#session.token);
  }
}
