/**
 * Owns how a call ends towards its client: with the server's answer, or with one error of ours.
 *
 * Invariants: a call has one outcome; its stream is complete with its last answer; an error that means
 * "not executed" is told as a refusal while nothing was sent, so that the edge can still choose the status.
 */
import { verdictOf } from '@causeway/cluster';
import { CausewayError, ERRORS, errorResponse } from '@causeway/protocol';
import type { Breach } from '../child/child.ts';
import type { Call } from './calls.ts';
import type { SessionParts } from './parts.ts';
import type { FrameFacts } from './journal.ts';
import type { Stream } from './stream.ts';

/** The call is over; nothing of it is held any more. `failed`: as figures name it. Idempotent. */
export function endCall(session: SessionParts, call: Call, failed?: string): void {
  const { calls, idle, durations, server } = session;
  if (calls.has(call)) durations.record(server.name, call.method, failed, call.begun, call.label);
  calls.end(call);
  if (calls.size === 0) idle.release(calls);
}

/** Gives a call its one answer. */
export function answerCall(session: SessionParts, call: Call, bytes: Buffer, facts: FrameFacts): void {
  if (bytes.length > session.maxMessage) return failCall(session, call, new CausewayError('server.reply_too_large'));
  answerOn(session, call.stream, bytes, facts);
}

/** What is said of a call's answer. `failed`: as figures name it; `opened`: the revision of the session that it opens. */
export function answerFacts({ stream, index, internal }: Call, failed: string | undefined, opened?: string): FrameFacts {
  return { call: stream.kind === 'call' ? undefined : internal, index, failed, opened };
}

/** Adds an answer to a stream, and completes it if it was the last one. */
export function answerOn(session: SessionParts, stream: Stream, bytes: Buffer, facts: FrameFacts): void {
  const last = stream.kind === 'call' && --stream.answersLeft <= 0;
  session.streams.present(stream).append(bytes, last, facts);
  if (last) session.streams.done(stream);
}

/** Ends a call with an error of ours. */
export function failCall(session: SessionParts, call: Call, error: CausewayError): void {
  endCall(session, call, error.reason);
  const { stream } = call;
  const untouched = stream.kind === 'call' && stream.newest === 0 && stream.answersLeft === 1;
  if (untouched && stream.to !== undefined && ERRORS[error.reason].http !== 200) {
    session.reply(stream.to, verdictOf(error));
    stream.detach();
    session.streams.done(stream);
  } else {
    logFailure(session, error);
    answerCall(session, call, errorResponse(call.clientId.toString(), error), answerFacts(call, error.reason));
  }
}

/** Every failure that a client is told by this worker stands in the log once; what the edge tells, it logs. */
export function logFailure({ log }: SessionParts, { ref, reason }: CausewayError): void {
  log.info({ ref, reason }, 'call failed');
}

/** The child has not answered initialize in time; with what it said meanwhile. */
export function startTimedOut(session: SessionParts): CausewayError {
  return new CausewayError('server.start_timeout', { facts: { stderr: lastWords(session) } });
}

/** It broke the stdio protocol before it did; the same. */
export function startBroken(session: SessionParts, why: Breach): CausewayError {
  return new CausewayError('server.start_failed', { facts: { why, stderr: lastWords(session) } });
}

const lastWords = (session: SessionParts): readonly string[] => session.child()?.lastWords() ?? [];
