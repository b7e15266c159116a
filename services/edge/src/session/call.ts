/**
 * Owns sending a client's messages to the owner of their session, and telling what became of them.
 *
 * Invariants: nothing is sent while the bus is not connected; a message that was certainly not taken is sent to
 * whoever owns the session then (`delivery.ts`), or refused; every exchange begun here ends with its answer, its
 * refusal, its deadline or the loss of the owner.
 */
import { errorOf, LEASE_TIMES, offer, type ClientHead, type DownHead, type FrameHead, type Place } from '@causeway/cluster';
import { asCausewayError, CausewayError, type Frame } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import { labelOf } from '../label.ts';
import { Delivery } from './delivery.ts';
import type { Exchange, Followed } from './exchange.ts';
import { busFailure } from './failures.ts';

/** Milliseconds that an owner may take to accept a message that has no answer of its own: longer than its lease can be in doubt. */
const VERDICT = LEASE_TIMES.fence + 1_000;
/** Milliseconds until a session is closed, or its record is known to stay: whoever owns it may have to be found out first. */
const CLOSED = 30_000;

/** What the worker needs to know of a message that was read here. */
export function frameHead(edge: EdgeContext, frame: Frame): FrameHead {
  const { kind, method, id, progressToken, requestId } = frame;
  return { kind, method, id, progressToken, requestId, label: labelOf(edge, frame) };
}

/** A session under an owner, as subjects name it. */
const owned = ({ token }: KnownSession, { epoch }: Place): { readonly token: KnownSession['token']; readonly epoch: number } => ({
  token,
  epoch,
});

/** Where the owner takes words about a session. */
export const controlOf = ({ cluster }: EdgeContext, session: KnownSession, place: Place): string =>
  cluster.subjects.sessionControl(place.owner, owned(session, place));

/** A stream of the session's owner, from the frame after `after` on. */
export const followed = (edge: EdgeContext, session: KnownSession, place: Place, stream: string, after: number | undefined): Followed => ({
  owner: place.owner,
  control: controlOf(edge, session, place),
  identity: session.identity,
  stream,
  after,
});

export interface Messages {
  readonly frames: readonly Frame[];
  readonly batch: boolean;
}

/** A message of a session on its way to the owner. */
export interface Outgoing {
  readonly edge: EdgeContext;
  readonly session: KnownSession;
  readonly exchange: Exchange;
  readonly place: Place;
}

/** Sends one message of a session over an exchange. Throws BusError. */
export function sendFrame({ edge, session, exchange, place }: Outgoing, frame: Frame, batch: ClientHead['batch']): void {
  const head: ClientHead = {
    t: 'client',
    identity: session.identity,
    stamp: edge.cluster.ledger.stamp(place.owner),
    frame: frameHead(edge, frame),
    stream: frame.kind === 'request' ? exchange.name : undefined,
    batch,
  };
  exchange.send(place.owner, edge.cluster.subjects.sessionIn(place.owner, owned(session, place)), head, frame.bytes);
}

/** The place of what has no answer, in its batch. */
const ASIDE = { index: -1, requests: 0 };

/**
 * Sends messages that have no answers, in turn, and waits until the owner has taken them all. Rejects with CausewayError,
 * which says that nothing was taken only where that is so.
 */
export async function notify(edge: EdgeContext, session: KnownSession, { frames, batch }: Messages): Promise<void> {
  for (const [nth, frame] of frames.entries()) {
    const send = (exchange: Exchange, place: Place): void =>
      sendFrame({ edge, session, exchange, place }, frame, batch ? ASIDE : undefined);
    await verdict(edge, session, send).catch((error: unknown) => {
      throw nth === 0 ? error : partlyTaken(asCausewayError(error));
    });
  }
}

/** Of several messages some were taken, and others were not, because of `error`. */
export function partlyTaken({ message }: CausewayError): CausewayError {
  return new CausewayError('cluster.owner_unheard', { message: `Some of the messages were taken, others were not: ${message}` });
}

/** Whether the session's owner holds it. Never rejects, and moves nothing: who is not there does not hold it. */
export function isHeld(edge: EdgeContext, session: KnownSession): Promise<boolean> {
  return ask(edge, session, edge.places.of(session), 'info');
}

/** Whether the owner says yes. */
function ask(edge: EdgeContext, session: KnownSession, place: Place, t: 'info' | 'retire'): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const lasting = t === 'retire';
  const exchange = edge.exchanges.begin(
    { receive: (head) => resolve(head.t === 'ok'), undelivered: () => resolve(false), lost: () => resolve(false) },
    lasting ? edge.options.drain.timeout : VERDICT,
  );
  const send = (): void => exchange.send(place.owner, controlOf(edge, session, place), { t, identity: session.identity });
  // Without a bus, and as often as it is lost, it is said when the bus is back.
  if (lasting) exchange.repeat(send);
  if (!offer(send) && !lasting) resolve(false);
  return promise.finally(() => exchange.end());
}

/** Ends the session, whoever owns it and whether or not it is there. Rejects with CausewayError. */
export async function close(edge: EdgeContext, session: KnownSession, attempts = 3): Promise<void> {
  const place = edge.places.of(session);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const forget = (missing: 'unreached' | 'absent'): void => {
    exchange.unbind();
    if (attempts === 0) return reject(new CausewayError('cluster.owner_silent', { retryAfter: 2 }));
    // Where it has an owner it is closed there; where that is gone, the record is all that is left of it.
    const told = edge.places.of(session).epoch > place.epoch ? Promise.resolve(true) : edge.relocation.forget(session, place, missing);
    told.then((owner) => (owner ? close(edge, session, attempts - 1) : undefined)).then(resolve, reject);
  };
  const exchange = edge.exchanges.begin(
    {
      receive: (head) => {
        if (head.t === 'ok') resolve();
        else if (head.t === 'no' && head.reason === 'cluster.moved') forget('absent');
        else if (head.t === 'no') reject(errorOf(head));
      },
      undelivered: () => forget('unreached'),
      lost: () => reject(new CausewayError('cluster.owner_unheard')),
    },
    CLOSED,
  );
  const send = (): void => exchange.send(place.owner, controlOf(edge, session, place), { t: 'close', identity: session.identity });
  exchange.repeat(send);
  try {
    send();
  } catch (error) {
    reject(busFailure(error));
  }
  return promise.finally(() => exchange.end());
}

/** Ends a session whose one stream its client has left (2024-11-05), whoever owns it by now. */
export function abandon(edge: EdgeContext, session: KnownSession): void {
  close(edge, session).catch((error: unknown) => {
    if (asCausewayError(error).reason === 'cluster.unavailable') edge.exchanges.words.later(() => abandon(edge, session));
  });
}

/**
 * The edge of a session's one stream leaves: its owner finishes what runs, and ends the stream. Resolves with whether it will, within
 * the time of a drain; never rejects.
 */
export function retire(edge: EdgeContext, session: KnownSession, place: Place): Promise<boolean> {
  return ask(edge, session, place, 'retire');
}

/** Tells the owner about a stream; what is lost on the way is found out otherwise. */
export function tell(edge: EdgeContext, session: KnownSession, place: Place, about: StreamWord): void {
  edge.exchanges.words.tell(controlOf(edge, session, place), { ...about, identity: session.identity });
}

/** The client of a call was told that its outcome is not known: nobody comes back for what it has not heard. */
export function forsake(edge: EdgeContext, session: KnownSession, place: Place, exchange: Exchange): void {
  const { name: stream, to, heard } = exchange;
  edge.exchanges.words.tell(controlOf(edge, session, place), { t: 'detach', identity: session.identity, stream, to, heard });
}

/** The stream's name, and the address that it is being sent to. */
export interface StreamWord {
  readonly t: 'detach' | 'credit';
  readonly stream: string;
  readonly to: string;
  readonly seq?: number;
}

/** Sends one message and waits for its owner's word. What is not known to be refused is not called so. */
function verdict(edge: EdgeContext, session: KnownSession, send: (exchange: Exchange, place: Place) => void): Promise<DownHead> {
  const { promise, resolve, reject } = Promise.withResolvers<DownHead>();
  let settled = false;
  const unheard = (): void => reject(new CausewayError('cluster.owner_unheard'));
  const exchange = edge.exchanges.begin(
    {
      receive: (head) => {
        if (delivery.handles(head)) return;
        if (head.t === 'no') reject(errorOf(head));
        else resolve(head);
      },
      undelivered: () => delivery.undelivered(),
      lost: unheard,
    },
    edge.servers.deadline(session.server, 'request'),
  );
  const delivery = new Delivery({
    edge,
    session,
    exchange,
    messages: 1,
    send: (place) => {
      exchange.repeat(() => send(exchange, place));
      send(exchange, place);
    },
    failed: reject,
    over: () => settled,
    late: { after: VERDICT, fn: unheard },
  });
  delivery.begin();
  return promise.finally(() => {
    settled = true;
    delivery.end();
    exchange.end();
  });
}
