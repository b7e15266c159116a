/**
 * Owns the way from the child to its client: each line is read once and rides exactly one stream.
 *
 * Invariants: a response reaches only the call that it answers; progress only the call whose token it
 * bears, and nothing after that call's answer, unless that began a task; what is no JSON-RPC is counted as noise and dropped, and where it
 * was meant to answer a call the call fails at once; a message too large for the bus becomes a definite error,
 * never silence; a server's sign of life is answered, here where its client does not listen.
 */
import {
  answerTo,
  asCausewayError,
  CausewayError,
  DONE,
  failureOf,
  oneLine,
  rawId,
  refusedAnswer,
  splice,
  splitServerBatch,
  withId,
  type Frame,
} from '@causeway/protocol';
import { frameOf } from '../child/frame-of.ts';
import type { Call } from './calls.ts';
import { answerCall, answerFacts, endCall, failCall } from './outcome.ts';
import type { SessionParts } from './parts.ts';
import type { FrameFacts } from './journal.ts';
import type { Stream } from './stream.ts';

/**
 * One line of the child's stdout; `about`: the call that it belongs to, where it does not say so itself. Whatever one
 * child prints, it must not end the sessions of the others.
 */
export function receive(session: SessionParts, line: Buffer, about?: number): void {
  try {
    take(session, line, about);
  } catch (error) {
    session.log.error({ err: error }, 'line of the server not handled');
    session.close('child_broken', new CausewayError('server.broken'));
  }
}

function take(session: SessionParts, line: Buffer, about: number | undefined): void {
  const frame = frameOf(line);
  if (frame) return pass(session, frame, about);
  const batch = splitServerBatch(line);
  if (!batch || session.revision() !== '2025-03-26') return refuse(session, line, batch);
  for (const element of batch) {
    const message = frameOf(element);
    if (message) pass(session, message);
    else refuse(session, element);
  }
}

/** A line that is no JSON-RPC message, or an array of some where there may be none. */
function refuse(session: SessionParts, line: Buffer, parts: readonly Buffer[] = [line]): void {
  session.child()?.noise(line);
  for (const part of parts) failAnswered(session, part);
}

/** The call, if any, that this was meant to answer. */
function failAnswered(session: SessionParts, line: Buffer): void {
  const id = refusedAnswer(line);
  const call = id && session.calls.answered({ kind: 'response', bytes: line, id });
  if (!call) return;
  const error = new CausewayError('server.reply_invalid');
  if (call.method === 'initialize') session.handshake.failed();
  // Without a granted handshake there is no session.
  if (call.method === 'initialize' && session.starting()) session.close('start_failed', error);
  else failCall(session, call, error);
}

function pass(session: SessionParts, frame: Frame, about?: number): void {
  switch (frame.kind) {
    case 'response':
      return response(session, frame);
    case 'request':
      return question(session, frame, about);
    case 'notification':
      return notification(session, frame, about);
  }
}

function response(session: SessionParts, frame: Frame): void {
  if (session.inquiries.settle(frame)) return;
  const call = session.calls.answered(frame);
  if (!call) {
    session.log.debug({}, 'answer to no running call dropped');
    return;
  }
  session.standing.answered(call, frame);
  const bytes = oneLine(withId(frame, call.clientId));
  if (call.method === 'initialize' && session.transport === 'sse') session.handshake.greeted(bytes);
  const failed = failureOf(frame, call.method);
  if (call.method !== 'initialize' || !session.starting()) return settle(session, call, bytes, answerFacts(call, failed));
  // Until the record is written the call counts as running: should the session end meanwhile, it is failed like any other.
  session.handshake.initialized(bytes).then(
    (opened) => settle(session, call, bytes, answerFacts(call, failed, opened ? session.revision() : undefined)),
    (error: unknown) => {
      const refusal = asCausewayError(error);
      if (session.calls.has(call)) failCall(session, call, refusal);
      session.close('start_failed', refusal);
    },
  );
}

function settle(session: SessionParts, call: Call, bytes: Buffer, facts: FrameFacts): void {
  if (!session.calls.has(call)) return;
  endCall(session, call, facts.failed);
  answerCall(session, call, bytes, facts);
}

function question(session: SessionParts, frame: Frame, about: number | undefined): void {
  // Servers end whose ping nobody answers, and a client without an open stream does not hear it.
  if (frame.method === 'ping' && streamOf(session, about).to === undefined) return answer(session, rawId(frame), DONE);
  if (!fits(session, frame.bytes)) return unanswered(session, rawId(frame), 'The question is too large.');
  const { bytes, givenUp } = session.callbacks.ask(frame);
  if (givenUp) unanswered(session, givenUp.toString(), 'The client did not answer, and too many questions are open.');
  send(session, bytes, { about });
}

/** Tells the child that its question will not be answered. */
function unanswered(session: SessionParts, id: string, message: string): void {
  answer(session, id, `"error":${JSON.stringify({ code: -32000, message })}`);
}

function answer(session: SessionParts, id: string, outcome: string): void {
  session.child()?.write(answerTo(id, outcome));
}

function notification(session: SessionParts, frame: Frame, about: number | undefined): void {
  if (frame.method === 'notifications/progress') return progress(session, frame, about);
  if (frame.method === 'notifications/cancelled') {
    const bytes = session.callbacks.withdraw(frame);
    if (bytes) send(session, bytes, { about });
    return;
  }
  send(session, frame.bytes, { about, ...(frame.method === 'notifications/message' ? { dispensable: 'log' } : {}) });
}

function progress(session: SessionParts, frame: Frame, about: number | undefined): void {
  const { calls, log, streams } = session;
  const { progressToken: span } = frame;
  const call = calls.byProgress(frame);
  const task = call ? undefined : calls.taskByProgress(frame);
  const token = call?.progressToken ?? task?.token;
  if (!token || !span) return log.debug({}, 'progress of no running call dropped');
  const bytes = splice(frame.bytes, [{ span, bytes: token }]);
  if (task) return send(session, bytes, { about, dispensable: task.internal });
  if (call && fits(session, bytes)) streams.present(call.stream).append(oneLine(bytes), false, { dispensable: call.internal });
}

/** What carries a message that is no answer: `about` is the call that it was said for. */
function streamOf(session: SessionParts, about: number | undefined): Stream {
  const { calls, streams } = session;
  if (session.starting()) return streams.standalone;
  const call = calls.of(about);
  return call ? streams.present(call.stream) : streams.home();
}

function send(session: SessionParts, bytes: Buffer, { about, ...facts }: FrameFacts & { readonly about: number | undefined }): void {
  if (!fits(session, bytes)) return;
  streamOf(session, about).append(oneLine(bytes), false, { ...facts, loose: true });
}

function fits(session: SessionParts, bytes: Buffer): boolean {
  if (bytes.length <= session.maxMessage) return true;
  session.log.warn({ bytes: bytes.length, reason: 'server.reply_too_large' }, 'message of the server dropped');
  return false;
}
