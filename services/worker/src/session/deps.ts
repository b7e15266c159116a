/**
 * Owns what a session is given: the worker's doors to the bus, the records and child processes, and the
 * facts of its opening. Nothing else of the worker is visible to a session.
 */
import type { AdmitOptions, Claim, DownHead, Limits, OwnedSession, Permit, SessionRecords } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import type { Identity, SessionToken, WorkerId } from '@causeway/protocol';
import type { Clock, Durations, Log, Wheel } from '@causeway/runtime';
import type { Attempt } from '../child/breaker.ts';
import type { Child, ChildListeners } from '../child/child.ts';
import type { EdgeWatch } from '../edges.ts';
import type { CallLimits } from './call-limits.ts';
import type { Ownership } from './ownership.ts';
import type { StreamPorts } from './stream-ports.ts';
import type { FinishedLimits } from './finished-streams.ts';

export interface SessionDeps {
  readonly worker: WorkerId;
  readonly records: SessionRecords;
  readonly streamLimits: FinishedLimits;
  /** Bytes of the largest bus message. */
  readonly maxMessage: number;
  readonly edges: EdgeWatch;
  /** The worker shuts down: what runs is finished, nothing new is begun. */
  readonly draining: () => boolean;
  /** This worker's lease is good at this moment: it may touch its children. */
  readonly mayAct: () => boolean;
  /** A child is about to be touched: finds out whether this worker may still act, and suspends its sessions if not. */
  readonly awake: () => void;
  /** As `Standstill.stops`. */
  readonly stops: () => number;
  /** Whether a session of the server may go on at another owner. */
  recoverable(server: ServerConfig): boolean;
  /** The limits of the whole cluster that concern a session of the server. */
  limitsOf(server: ServerConfig): Limits;
  /** A place under every limit; as `Lease.admit`. */
  admit(claim: Claim, options: AdmitOptions): Promise<Permit>;
  /** Calls in flight: how many one session may have, and those of each identity on this worker. */
  readonly calls: CallLimits;
  /** Of what servers are asked. */
  readonly durations: Durations;
  /** Removes the record of an ended session as soon as the store is there again; resolves then. Never rejects. */
  removeLater(ownership: Ownership): Promise<void>;
  /**
   * Announces a start, whose outcome is then told; `identity`: of the client whose words the child gets before it has proved
   * that it starts. Throws CausewayError `server.crash_loop`.
   */
  attempt(server: string, identity?: Identity): Attempt;
  /** Answers an edge, where it asked for an answer; what the bus does not take is left to the edge's deadline. */
  readonly reply: (to: string | undefined, head: DownHead) => void;
  /** The door to the bus of one session's streams. */
  publishStream(session: OwnedSession): StreamPorts['publish'];
  /** The worker's account of what all journals hold. */
  readonly charge: StreamPorts['charge'];
  /** Starts a child in its turn. Rejects with CausewayError `server.start_failed`, `limit.worker`. */
  startChild(session: OwnedSession, server: ServerConfig, listeners: ChildListeners, signal: AbortSignal): Promise<Child>;
  /** The same, for one that shakes hands, whichever era its server is of. */
  startInEra(session: OwnedSession, server: ServerConfig, listeners: ChildListeners, signal: AbortSignal): Promise<Child>;
}

/** What a session holds while it lives; filled in as it begins, given back at its end. */
export interface SessionHeld {
  permit: Permit | undefined;
  /** The attempt to have a place under another lease; none once that is lost too. */
  readmission?: object | undefined;
  attempt: Attempt | undefined;
  child: Child | undefined;
  /** Negotiated revision; `''` until the child has answered initialize. */
  revision: string;
  /** `params` of the client's initialize, raw JSON text. */
  initialize: string;
}

export interface SessionOpening {
  readonly token: SessionToken;
  /** Counts the owners of the session, this one included. */
  readonly epoch: number;
  readonly identity: Identity;
  /** Whose share of the limits it takes. */
  readonly share?: Identity;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly server: ServerConfig;
  readonly transport: 'streamable' | 'sse';
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly log: Log;
}
