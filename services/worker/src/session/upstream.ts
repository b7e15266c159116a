/**
 * Owns the way from a client to the child: requests get an internal id and a deadline, answers find the
 * child's question, everything else passes unchanged.
 *
 * Invariants: a message that is refused here was not written to the child, and its sender is told; a
 * message is written at most once, also if the bus delivers it twice.
 */
import { verdictOf, type ClientHead } from '@causeway/cluster';
import { cancellationOf, CausewayError, errorResponse, rawText, slice, splice } from '@causeway/protocol';
import type { Call } from './calls.ts';
import { answerOn, endCall, failCall, logFailure, startTimedOut } from './outcome.ts';
import type { SessionParts } from './parts.ts';
import type { Stream } from './stream.ts';

/**
 * Milliseconds after which a call that has sent nothing is said to be accepted: its edge may then begin a
 * stream, which it cannot take back for a refusal. Faster calls need no such word.
 */
const ACCEPTED = 15;

/** One message of the session's client; `reply` is where its edge listens. */
export function deliver(session: SessionParts, head: ClientHead, body: Buffer, reply: string | undefined): void {
  session.idle.touch();
  const ridesItsOwn = head.frame.kind === 'request' && session.transport === 'streamable';
  if (reply !== undefined && !ridesItsOwn && !session.arrivals.isNew(reply, head.batch?.index)) return session.reply(reply, { t: 'ok' });
  try {
    if (head.batch && session.revision() !== '2025-03-26') {
      throw new CausewayError('request.invalid', { message: 'Batches exist in revision 2025-03-26 only.' });
    }
    switch (head.frame.kind) {
      case 'request':
        return request(session, head, body, reply);
      case 'response':
        answer(session, head, body);
        break;
      case 'notification':
        notify(session, head, body);
    }
    session.reply(reply, { t: 'ok' });
  } catch (error) {
    if (!(error instanceof CausewayError)) throw error;
    if (reply !== undefined) session.arrivals.forget(reply, head.batch?.index);
    session.reply(reply, verdictOf(error));
  }
}

function write(session: SessionParts, bytes: Buffer): void {
  const child = session.child();
  if (!session.mayAct()) throw new CausewayError('cluster.owner_silent', { retryAfter: 2 });
  if (!child) throw new CausewayError('request.session_unknown');
  if (!child.write(bytes)) throw new CausewayError('server.busy', { retryAfter: 1 });
}

function request(session: SessionParts, head: ClientHead, body: Buffer, reply: string | undefined): void {
  if (session.transport === 'sse') {
    const { clientId, internal, method, label } = beginCall(session, { head, body, stream: session.streams.standalone });
    const due = session.server.requestTimeout;
    // Should the bus be lost, only the edge of the stream can tell the client that it took too long.
    session.reply(session.streams.standalone.to, { t: 'pending', call: internal, id: clientId.toString(), due, method, label });
    return session.reply(reply, { t: 'ok' });
  }
  const stream = callStream(session, head, reply);
  if (!stream.begin(head.batch?.index ?? 0)) return;
  const accepted = (): void => {
    if (stream.newest === 0 && stream.to === reply) session.reply(reply, { t: 'ok' });
  };
  try {
    beginCall(session, { head, body, stream, accepted });
  } catch (error) {
    if (!(error instanceof CausewayError)) throw error;
    refuse(session, head, body, stream, error);
  }
}

function callStream(session: SessionParts, head: ClientHead, reply: string | undefined): Stream {
  if (head.stream === undefined || reply === undefined) throw new Error('a request over Streamable HTTP names its stream');
  return session.streams.call(head.stream, reply, head.batch?.requests ?? 1);
}

/** Alone, a request is refused as a whole; in a batch it gets its error on the stream, beside the answers of the others. */
function refuse(session: SessionParts, head: ClientHead, body: Buffer, stream: Stream, error: CausewayError): void {
  if (head.batch && head.batch.requests > 1) {
    const id = head.frame.id && rawText(body, head.frame.id);
    logFailure(session, error);
    return answerOn(session, stream, errorResponse(id, error), { index: head.batch.index, failed: error.reason });
  }
  session.reply(stream.to, verdictOf(error));
  stream.detach();
  session.streams.done(stream);
}

export interface Request {
  readonly head: Pick<ClientHead, 'frame' | 'batch'>;
  readonly body: Buffer;
  /** Its answer rides it. */
  readonly stream: Stream;
  /** Called when it has no answer after `ACCEPTED`. */
  readonly accepted?: () => void;
}

/** Writes a request to the child and lets its deadline run. Throws CausewayError if it could not be written. */
export function beginCall(session: SessionParts, { head, body, stream, accepted }: Request): Call {
  const { calls, callLimits, idle, share, standing } = session;
  if (session.draining()) throw new CausewayError('cluster.draining', { retryAfter: 1 });
  const first = head.frame.method === 'initialize';
  // A session that opens was admitted as such.
  if (!first) callLimits.assertRoom(calls.size, share);
  const { call, bytes } = calls.begin({ head: head.frame, body, stream, index: head.batch?.index, begun: session.clock.monotonic() });
  try {
    write(session, bytes);
  } catch (error) {
    calls.end(call);
    throw error;
  }
  standing.asked(call, body);
  if (!first) call.release = callLimits.hold(call, share);
  idle.hold(calls);
  if (first) session.handshake.greeting(body);
  runDeadline(session, call, accepted);
  return call;
}

/** Most calls are answered before `ACCEPTED`: they need one timer. */
function runDeadline(session: SessionParts, call: Call, accepted?: () => void): void {
  const { wheel, server } = session;
  const first = call.method === 'initialize';
  const due = first ? server.startTimeout : server.requestTimeout;
  const late = (): void => {
    if (first) return session.close('start_timeout', startTimedOut(session));
    // Whoever may not touch the child any more lets it be.
    if (session.mayAct()) session.child()?.write(cancellationOf(call.internal, 'deadline'));
    failCall(session, call, new CausewayError('server.deadline'));
  };
  if (!accepted || due <= ACCEPTED) return void (call.cancelDeadline = wheel.after(due, late));
  call.cancelDeadline = wheel.after(ACCEPTED, () => {
    call.cancelDeadline = wheel.after(due - ACCEPTED, late);
    accepted();
  });
}

/** An answer that nobody waits for is accepted and dropped (the child may have withdrawn its question). */
function answer(session: SessionParts, head: ClientHead, body: Buffer): void {
  const id = head.frame.id;
  const open = id && session.callbacks.answer(body, id, (bytes) => write(session, bytes));
  if (!open) session.log.debug({}, 'answer to no open question dropped');
}

function notify(session: SessionParts, head: ClientHead, body: Buffer): void {
  const { requestId, method } = head.frame;
  if (method !== 'notifications/cancelled') return write(session, body);
  const call = requestId && session.calls.byClientId(slice(body, requestId));
  if (!call || call.method === 'initialize') return;
  write(session, splice(body, [{ span: requestId, bytes: Buffer.from(String(call.internal)) }]));
  endCall(session, call, 'cancelled');
  if (call.stream.kind !== 'call') session.reply(session.streams.standalone.to, { t: 'pending', call: call.internal });
  if (call.stream.kind !== 'call' || --call.stream.answersLeft > 0) return;
  // What rode this stream for want of a better one, and was not sent, belongs to others.
  const unsent = call.stream.takeUnsent();
  call.stream.finish('cancelled');
  session.streams.done(call.stream);
  for (const { bytes: message } of unsent) session.streams.home().append(message, false);
}
