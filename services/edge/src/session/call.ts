/**
 * Owns sending a client's messages to the owner of their session, and telling what became of them.
 *
 * Invariants: nothing is sent while the bus is not connected; a message that reached nobody is refused as
 * such; every exchange begun here ends with its answer, its refusal, its deadline or the loss of the owner.
 */
import { BusError, errorOf, type ClientHead, type DownHead, type FrameHead } from '@causeway/cluster';
import { CausewayError, type Frame } from '@causeway/protocol';
import type { EdgeContext, KnownSession } from '../context.ts';
import type { Exchange, Listener } from './exchanges.ts';

/** Milliseconds that an owner may take to accept a message that has no answer of its own. */
const VERDICT = 10_000;

/** What the worker needs to know of a message that was read here. */
export function frameHead(frame: Frame): FrameHead {
  const { kind, method, id, progressToken, requestId } = frame;
  return {
    kind,
    ...(method === undefined ? {} : { method }),
    ...(id ? { id } : {}),
    ...(progressToken ? { progressToken } : {}),
    ...(requestId ? { requestId } : {}),
  };
}

/** Why a message to a session's owner reached nobody. */
export function ownerGone(edge: EdgeContext, session: KnownSession): CausewayError {
  if (edge.cluster.ledger.workers().has(session.owner)) return new CausewayError('cluster.owner_silent', { retryAfter: 2 });
  return new CausewayError('request.session_unknown');
}

/** A failure of the bus as our error. */
export function busFailure(error: unknown): CausewayError {
  if (!(error instanceof BusError)) return new CausewayError('internal', { cause: error });
  if (error.failure === 'too_large') return new CausewayError('request.too_large');
  return new CausewayError('cluster.unavailable', { retryAfter: 2 });
}

/** Sends messages of a session over one exchange. Throws CausewayError if the bus refuses. */
export function sendFrames(edge: EdgeContext, session: KnownSession, exchange: Exchange, frames: readonly Frame[], batch: boolean): void {
  const subject = edge.cluster.subjects.sessionIn(session.owner, session.token);
  const requests = frames.filter(({ kind }) => kind === 'request').length;
  let index = 0;
  try {
    for (const frame of frames) {
      const head: ClientHead = {
        t: 'client',
        identity: session.identity,
        frame: frameHead(frame),
        ...(frame.kind === 'request' ? { stream: exchange.name } : {}),
        ...(batch ? { batch: { index: frame.kind === 'request' ? index++ : -1, requests } } : {}),
      };
      exchange.send(session.owner, subject, head, frame.bytes);
    }
  } catch (error) {
    exchange.end();
    throw busFailure(error);
  }
}

/** Sends messages that have no answers and waits until the owner has taken them all. Rejects with CausewayError. */
export function notify(edge: EdgeContext, session: KnownSession, frames: readonly Frame[], batch: boolean): Promise<void> {
  return verdicts(edge, session, frames.length, (exchange) => sendFrames(edge, session, exchange, frames, batch)).then(() => undefined);
}

/** Asks the owner something about the session. Rejects with CausewayError. */
export async function ask(edge: EdgeContext, session: KnownSession, t: 'info' | 'close'): Promise<DownHead> {
  const subject = edge.cluster.subjects.sessionControl(session.owner, session.token);
  return verdicts(edge, session, 1, (exchange) => exchange.send(session.owner, subject, { t, identity: session.identity }));
}

/** Tells the owner about a stream; what is lost on the way is found out otherwise. */
export function tell(edge: EdgeContext, session: KnownSession, about: StreamWord): void {
  edge.exchanges.tell(edge.cluster.subjects.sessionControl(session.owner, session.token), { ...about, identity: session.identity });
}

/** The stream's name, and the address that it is being sent to. */
export interface StreamWord {
  readonly t: 'detach' | 'credit';
  readonly stream: string;
  readonly to: string;
  readonly seq?: number;
}

function verdicts(edge: EdgeContext, session: KnownSession, wanted: number, send: (exchange: Exchange) => void): Promise<DownHead> {
  const { promise, resolve, reject } = Promise.withResolvers<DownHead>();
  let left = wanted;
  const listener: Listener = {
    receive: (head) => {
      if (head.t === 'no') reject(errorOf(head));
      else if (--left === 0) resolve(head);
    },
    undelivered: () => reject(ownerGone(edge, session)),
    lost: (why) => reject(new CausewayError(why === 'owner' ? 'request.session_unknown' : 'cluster.owner_silent')),
  };
  const exchange = edge.exchanges.begin(listener, VERDICT);
  try {
    send(exchange);
  } catch (error) {
    reject(error instanceof CausewayError ? error : busFailure(error));
  }
  return promise.finally(() => exchange.end());
}
