/**
 * Owns the shape of a session's insides as its two directions see them: `upstream.ts` (client to child)
 * and `downstream.ts` (child to client). `session.ts` builds them and decides when they end.
 */
import type { DownHead } from '@causeway/cluster';
import type { CausewayError } from '@causeway/protocol';
import type { Child } from '../child/child.ts';
import type { Calls } from './calls.ts';
import type { Callbacks } from './callbacks.ts';
import type { SessionOpening } from './deps.ts';
import type { Idle } from './idle.ts';
import type { Inquiries } from './inquiries.ts';
import type { Ownership } from './ownership.ts';
import type { Standing } from './standing.ts';
import type { CallLimits } from './call-limits.ts';
import type { EndReason } from './states.ts';
import type { Streams } from './streams.ts';

export interface SessionParts extends SessionOpening {
  readonly calls: Calls;
  readonly callbacks: Callbacks;
  readonly inquiries: Inquiries;
  readonly standing: Standing;
  readonly ownership: Ownership;
  readonly callLimits: CallLimits;
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
  /** Writes the session's record for the first time. */
  record(initialize: { readonly params: string; readonly result: string }): Promise<void>;
  /** The client's initialize is on its way to the child. */
  greeting(initialize: Buffer): void;
  /** 2024-11-05: the child has answered it, in a session that is open already. */
  greeted(answer: Buffer): void;
  /** Until the child has answered initialize: what it says has no listener yet. */
  starting(): boolean;
  /** The child answered initialize; `answer` is its message. Resolves when the session may be used, or `false` if the child refused. */
  initialized(answer: Buffer): Promise<boolean>;
  /** Answers one message of an edge; a lost answer is the edge's deadline's business. */
  reply(to: string | undefined, head: DownHead): void;
  /** The session ends; the first reason counts. `error` is what running calls are told. */
  close(reason: EndReason, error?: CausewayError): void;
}
