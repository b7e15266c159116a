/**
 * Owns the shape of a session's insides as its two directions see them: `upstream.ts` (client to child)
 * and `downstream.ts` (child to client), and putting them together. `session.ts` decides when they end.
 */
import type { DownHead, StoredSession } from '@causeway/cluster';
import type { CausewayError } from '@causeway/protocol';
import type { Durations } from '@causeway/runtime';
import type { Child } from '../child/child.ts';
import { Arrivals } from './arrivals.ts';
import { Calls } from './calls.ts';
import { Callbacks } from './callbacks.ts';
import type { SessionDeps, SessionHeld, SessionOpening } from './deps.ts';
import { Handshake } from './handshake.ts';
import { Idle } from './idle.ts';
import { Inquiries } from './inquiries.ts';
import { Ownership } from './ownership.ts';
import { Standing } from './standing.ts';
import type { CallLimits } from './call-limits.ts';
import type { EndReason } from './states.ts';
import { Streams } from './streams.ts';

export interface SessionParts extends SessionOpening {
  readonly arrivals: Arrivals;
  readonly calls: Calls;
  readonly callbacks: Callbacks;
  readonly inquiries: Inquiries;
  readonly standing: Standing;
  readonly ownership: Ownership;
  readonly callLimits: CallLimits;
  readonly durations: Durations;
  readonly handshake: Handshake;
  readonly streams: Streams;
  readonly idle: Idle;
  /** Largest message that the bus carries, less room for the head; bytes. */
  readonly maxMessage: number;
  /** The running child; `undefined` before its start and after its end. */
  child(): Child | undefined;
  /** Negotiated revision; `''` until the child has answered initialize. */
  revision(): string;
  /** The worker shuts down: no call is begun any more. */
  draining(): boolean;
  /** The worker's lease is good at this moment. */
  mayAct(): boolean;
  /** Until the child has answered initialize, or a 2024-11-05 stream has begun: what it says has no listener yet. */
  starting(): boolean;
  /** Answers one message of an edge; a lost answer is the edge's deadline's business. */
  reply(to: string | undefined, head: DownHead): void;
  /** The session ends; the first reason counts. `error` is what running calls are told. */
  close(reason: EndReason, error?: CausewayError): void;
}

/** Room for an envelope's head beside the message. */
const HEAD_ROOM = 4096;

/** What the session itself does for its parts. */
export interface PartsHooks {
  readonly held: SessionHeld;
  readonly starting: () => boolean;
  /** The session is open from here; `false` if it has ended meanwhile. */
  readonly opened: () => boolean;
  readonly close: SessionParts['close'];
}

/** `from`: the record of the session that is taken over. */
export function buildParts(deps: SessionDeps, opening: SessionOpening, from: StoredSession | undefined, hooks: PartsHooks): SessionParts {
  const { token, epoch, clock, wheel, server, created } = opening;
  const { held, starting, opened, close } = hooks;
  const calls = new Calls();
  const ownership = new Ownership(deps.records, token, () => close('moved'));
  const standing = new Standing(() => ownership.change({ standing: standing.record() }), from?.record.standing);
  const parts: SessionParts = {
    ...opening,
    arrivals: new Arrivals(),
    calls,
    ownership,
    standing,
    callbacks: new Callbacks(epoch),
    inquiries: new Inquiries(() => calls.mint()),
    callLimits: deps.calls,
    durations: deps.durations,
    handshake: new Handshake({ parts: () => parts, deps, opening, held, opened }),
    streams: new Streams({ publish: deps.publishStream({ token, epoch }), charge: deps.charge }, deps.streamLimits, clock),
    idle: new Idle(clock, wheel, { idle: server.idle, left: created + server.age - clock.now() }, close),
    maxMessage: deps.maxMessage - HEAD_ROOM,
    child: () => held.child,
    revision: () => held.revision,
    starting,
    draining: () => deps.draining() && !deps.recoverable(server),
    mayAct: deps.mayAct,
    reply: deps.reply,
    close,
  };
  return parts;
}
