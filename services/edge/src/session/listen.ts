/**
 * Owns one GET stream at this edge: attaching to the session's owner, fresh or where the client left off,
 * and passing on what comes.
 *
 * Invariants: the client is answered with a stream or with one refusal; when it leaves, the owner is told.
 */
import { BusError, errorOf, type ControlHead, type DownHead } from '@causeway/cluster';
import { CausewayError, isRevision, type EventId, type Revision } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import { busFailure, ownerGone, tell } from './call.ts';
import type { Exchange, Listener } from './exchanges.ts';

/** Milliseconds that an owner may take to attach a stream. */
const VERDICT = 10_000;

export interface ListenPorts {
  /** The owner has attached us to the stream of this name. */
  attached(stream: string, revision: Revision | undefined): void;
  message(head: Extract<DownHead, { t: 'server' }>, bytes: Buffer): void;
  /** Not attached, and why. */
  refused(error: CausewayError): void;
  /** Nothing more will come. */
  ended(): void;
}

export class Listening implements Listener {
  readonly #edge: EdgeContext;
  readonly #session: KnownSession;
  readonly #ports: ListenPorts;
  readonly #exchange: Exchange;
  readonly #stream: string;
  readonly #cancelVerdict: () => void;
  #attached = false;
  #over = false;

  /** `from`: `Last-Event-ID`. */
  constructor(edge: EdgeContext, session: KnownSession, from: EventId | undefined, ports: ListenPorts) {
    this.#edge = edge;
    this.#session = session;
    this.#ports = ports;
    this.#exchange = edge.exchanges.begin(this, undefined);
    this.#stream = from?.stream ?? this.#exchange.name;
    this.#cancelVerdict = edge.wheel.after(VERDICT, () => this.#refuse(new CausewayError('cluster.owner_silent')));
    const head: ControlHead = { t: 'attach', identity: session.identity, stream: this.#stream, ...(from ? { after: from.seq } : {}) };
    this.#exchange.follow({ ...session, stream: this.#stream, after: from?.seq });
    try {
      this.#exchange.send(session.owner, edge.cluster.subjects.sessionControl(session.owner, session.token), head);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      this.#refuse(busFailure(error));
    }
  }

  receive(head: DownHead, body: Buffer): void {
    if (this.#over) return;
    switch (head.t) {
      case 'ok':
        return this.#begin(isRevision(head.revision) ? head.revision : undefined);
      case 'no':
        return this.#refuse(errorOf(head));
      case 'server':
        this.#begin(undefined);
        this.#ports.message(head, body);
        if (head.last) this.#end();
        return;
      case 'end':
        return this.#end();
      case 'ping':
    }
  }

  undelivered(): void {
    this.#refuse(ownerGone(this.#edge, this.#session));
  }

  lost(): void {
    this.#refuse(ownerGone(this.#edge, this.#session));
  }

  #begin(revision: Revision | undefined): void {
    if (this.#attached) return;
    this.#attached = true;
    this.#cancelVerdict();
    this.#ports.attached(this.#stream, revision);
  }

  /** The client's socket has taken everything up to `seq`. */
  taken(seq: number): void {
    if (!this.#over) tell(this.#edge, this.#session, { t: 'credit', stream: this.#stream, to: this.#exchange.to, seq });
  }

  /** The client left, or is sent away. */
  leave(): void {
    if (this.#over) return;
    tell(this.#edge, this.#session, { t: 'detach', stream: this.#stream, to: this.#exchange.to });
    this.#finish();
  }

  #refuse(error: CausewayError): void {
    if (this.#over) return;
    if (this.#attached) return this.#end();
    // A worker whose yes was lost on the way must not believe that somebody reads.
    this.leave();
    this.#ports.refused(error);
  }

  #end(): void {
    this.#finish();
    this.#ports.ended();
  }

  #finish(): void {
    this.#over = true;
    this.#cancelVerdict();
    this.#exchange.end();
  }
}
