/**
 * Owns one stream to a client that no call asked for: attaching to the session's owner, fresh or where the client
 * left off, passing on what comes, and going on at another owner when the session has moved.
 *
 * Invariants: the client is answered with a stream or with one refusal; when it leaves, the owner is told, also one that was
 * silent or could not be found, and may still send it; a stream
 * that goes on at another owner has another name there, so that no event id means two things.
 */
import { BusError, errorOf, type ControlHead, type DownHead, type Place } from '@causeway/cluster';
import { CausewayError, ERRORS, isRevision, type EventId, type Revision } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import { abandon, controlOf, followed, retire, tell } from './call.ts';
import { isListening, type Exchange, type Listener } from './exchange.ts';
import { busFailure } from './failures.ts';
import type { ListenOptions, ListenPorts } from './listen-ports.ts';
import type { Missing } from './relocate.ts';

/** Milliseconds that an owner may take to attach a stream. */
const VERDICT = 10_000;
/** Milliseconds for which a stream that was begun waits for its session to be taken over. */
const PATIENCE = 60_000;

/** What an owner is asked for. */
interface Wanted {
  readonly place: Place;
  /** Where the client left off; `undefined`: a stream of its own. */
  readonly from: EventId | undefined;
}

interface Attachment {
  readonly exchange: Exchange;
  readonly place: Place;
  readonly stream: string;
}

export class Listening {
  readonly #edge: EdgeContext;
  readonly #session: KnownSession;
  readonly #ports: ListenPorts;
  readonly #endsWithOwner: boolean;
  #at: Attachment | undefined;
  /** The last that there was. */
  #last: Attachment | undefined;
  #cancel: () => void = () => undefined;
  /** The client has a stream. */
  #begun: boolean;
  /** How far it was given one. */
  #heard: EventId | undefined;
  #over = false;
  #retiring = false;
  /** Since when the session has no owner. */
  #missingSince: number | undefined;

  constructor(
    edge: EdgeContext,
    session: KnownSession,
    ports: ListenPorts,
    { from, missing, at, heard, endsWithOwner }: ListenOptions = {},
  ) {
    this.#edge = edge;
    this.#endsWithOwner = endsWithOwner === true;
    this.#session = session;
    this.#ports = ports;
    this.#begun = missing !== undefined;
    this.#heard = heard;
    const wanted: Wanted = { place: at ?? edge.places.of(session), from };
    if (missing === undefined) this.#attach(wanted);
    else this.#relocate(wanted, missing);
  }

  /** The client's socket has taken everything up to `seq`. */
  taken(seq: number): void {
    const at = this.#at;
    if (at) tell(this.#edge, this.#session, at.place, { t: 'credit', stream: at.stream, to: at.exchange.to, seq });
  }

  /** The client left, or is sent away. */
  leave(): void {
    if (this.#over) return;
    const at = this.#at ?? this.#last;
    if (this.#endsWithOwner) abandon(this.#edge, this.#session);
    else if (at) tell(this.#edge, this.#session, at.place, { t: 'detach', stream: at.stream, to: at.exchange.to });
    this.#finish();
  }

  /** 2024-11-05: the owner finishes what runs, then ends the stream; without one it ends at once. */
  retire(): void {
    this.#retiring = true;
    const at = this.#at;
    const taken = at ? retire(this.#edge, this.#session, at.place) : Promise.resolve(false);
    void taken.then((yes) => (yes ? undefined : this.#giveUp()));
  }

  #giveUp(): void {
    if (this.#over) return;
    this.leave();
    this.#ports.ended();
  }

  #attach(wanted: Wanted): void {
    const { place, from } = wanted;
    const { exchanges, wheel } = this.#edge;
    const { identity } = this.#session;
    const exchange = exchanges.begin(this.#listener(wanted), undefined);
    const stream = from?.stream ?? exchange.name;
    this.#at = { exchange, place, stream };
    this.#cancel = wheel.after(VERDICT, () => this.#failed(new CausewayError('cluster.owner_silent'), wanted, 'unreached'));
    const head: ControlHead = { t: 'attach', identity, stream, ...(from ? { after: from.seq } : {}) };
    exchange.follow(followed(this.#edge, this.#session, place, stream, from?.seq));
    try {
      exchange.send(place.owner, controlOf(this.#edge, this.#session, place), head);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      this.#failed(error, wanted, 'unreached');
    }
  }

  #listener(wanted: Wanted): Listener {
    return {
      receive: (head, body) => {
        if (!this.#over) this.#receive(head, body, wanted);
      },
      undelivered: () => this.#relocate(wanted, 'unreached'),
      lost: () => this.#relocate(wanted, 'unreached'),
    };
  }

  #receive(head: DownHead, body: Buffer, wanted: Wanted): void {
    const { place, from } = wanted;
    if (!this.#begun && (head.t === 'ok' || head.t === 'no') && head.complete) return this.#nothing();
    switch (head.t) {
      case 'ok':
        return this.#begin(isRevision(head.revision) ? head.revision : undefined, from);
      case 'no':
        // Whoever was not there when an owner let it go has not heard how its calls ended.
        if (head.reason === 'cluster.moved' && this.#endsWithOwner) return this.#giveUp();
        if (head.reason === 'cluster.moved') return this.#relocate(wanted, 'absent');
        // The stream that the client had was a former owner's: what it missed is gone with that one.
        if (head.reason === 'request.event_id' && from && (place.epoch > 1 || this.#begun) && isListening(from.stream))
          return this.#afresh(place);
        return this.#failed(errorOf(head), wanted, 'unreached');
      case 'server':
        this.#begin(undefined, from);
        if (this.#heard) this.#heard = { ...this.#heard, seq: head.seq };
        this.#ports.message(head, body);
        if (head.last) this.#end();
        return;
      case 'pending':
        return this.#ports.pending?.(head);
      case 'end':
        return head.why === 'moved' ? this.#relocate(wanted, 'absent') : this.#end();
      default:
    }
  }

  #afresh(place: Place): void {
    this.#edge.log.info({ session: this.#session.token.slice(0, 8), epoch: place.epoch }, 'stream begun anew after a former owner’s');
    this.#detach();
    this.#attach({ place, from: undefined });
  }

  #begin(revision: Revision | undefined, from: EventId | undefined): void {
    if (!this.#at) return;
    this.#missingSince = undefined;
    this.#cancel();
    this.#begun = true;
    if (this.#heard?.stream !== this.#at.stream) this.#heard = { stream: this.#at.stream, seq: from?.seq ?? 0 };
    this.#ports.attached(this.#at.stream, revision);
  }

  /** Finds the session's present owner and goes on there: at another one afresh where the client was given something already. */
  #relocate(wanted: Wanted, missing: Missing): void {
    if (this.#retiring) return this.#giveUp();
    if (this.#over) return;
    this.#detach();
    this.#missingSince ??= this.#edge.clock.monotonic();
    this.#find(wanted.place, missing).then(
      (found) => {
        if (this.#over) return;
        if (found) this.#resume(found, wanted, missing);
        else this.#end();
      },
      (error: unknown) => this.#failed(error, wanted, missing),
    );
  }

  /** A client that has a stream already waits for what may yet come back; any other is refused. */
  #failed(error: unknown, wanted: Wanted, missing: Missing): void {
    if (this.#over) return;
    const { clock, places, random, wheel } = this.#edge;
    const refusal = busFailure(error);
    this.#missingSince ??= clock.monotonic();
    const waited = clock.monotonic() - this.#missingSince;
    if (!this.#begun || !ERRORS[refusal.reason].retryable || waited > PATIENCE) return this.#refuse(refusal);
    this.#detach();
    const pause = 1_000 * (refusal.retryAfter ?? 1) * (0.5 + random());
    // It may only have seemed to be gone: whoever asks it finds out.
    this.#cancel = wheel.after(pause, () => this.#resume(places.of(this.#session), wanted, missing));
  }

  /** The same owner still has what was on its way when it seemed to be gone. */
  #resume(place: Place, before: Wanted, missing: Missing): void {
    const same = place.epoch === before.place.epoch;
    // A message of its client has made a next owner, which knows nothing of the calls before.
    if (!same && this.#endsWithOwner && missing === 'unreached') return this.#giveUp();
    this.#attach({ place, from: this.#begun ? (same ? this.#heard : undefined) : before.from });
  }

  /** `undefined`: the session is over. */
  async #find(place: Place, missing: Missing): Promise<Place | undefined> {
    const { relocation, places } = this.#edge;
    if (!this.#endsWithOwner || missing === 'absent') return relocation.find(this.#session, place, missing);
    return (await relocation.forget(this.#session, place, missing)) ? places.of(this.#session) : undefined;
  }

  #refuse(error: CausewayError): void {
    if (this.#over) return;
    // A worker whose yes was lost on the way must not believe that somebody reads.
    if (this.#begun) return this.#giveUp();
    this.leave();
    this.#ports.refused(error);
  }

  /** There is nothing to attach to, nor to wait for. */
  #nothing(): void {
    this.#finish();
    this.#ports.complete?.();
  }

  #end(): void {
    this.#finish();
    this.#ports.ended();
  }

  #finish(): void {
    this.#over = true;
    this.#detach();
  }

  #detach(): void {
    this.#cancel();
    this.#at?.exchange.end();
    this.#last = this.#at ?? this.#last;
    this.#at = undefined;
  }
}
