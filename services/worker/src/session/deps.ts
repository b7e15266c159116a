/**
 * Owns what a session is given: the worker's doors to the bus, the records and child processes, and the
 * facts of its opening. Nothing else of the worker is visible to a session.
 */
import type { DownHead, SessionRecords } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import type { Identity, SessionToken, WorkerId } from '@causeway/protocol';
import type { Clock, Log, Wheel } from '@causeway/runtime';
import type { Attempt } from '../child/breaker.ts';
import type { Child, ChildListeners } from '../child/child.ts';
import type { EdgeWatch } from '../edges.ts';
import type { StreamPorts } from './stream.ts';
import type { StreamsLimits } from './streams.ts';

export interface SessionDeps {
  readonly worker: WorkerId;
  readonly records: SessionRecords;
  readonly streamLimits: StreamsLimits;
  /** Bytes of the largest bus message. */
  readonly maxMessage: number;
  readonly edges: EdgeWatch;
  /** The worker shuts down: what runs is finished, nothing new is begun. */
  readonly draining: () => boolean;
  /** Announces a start, whose outcome is then told. Throws CausewayError `server.crash_loop`. */
  attempt(server: string): Attempt;
  /** Answers an edge, where it asked for an answer; what the bus does not take is left to the edge's deadline. */
  readonly reply: (to: string | undefined, head: DownHead) => void;
  /** The door to the bus of one session's streams. */
  publishStream(session: SessionToken): StreamPorts['publish'];
  /** The worker's account of what all journals hold. */
  readonly charge: StreamPorts['charge'];
  /** Starts a child in its turn. Rejects with CausewayError `server.start_failed`, `limit.worker`. */
  startChild(session: SessionToken, server: ServerConfig, listeners: ChildListeners, signal: AbortSignal): Promise<Child>;
}

export interface SessionOpening {
  readonly token: SessionToken;
  readonly identity: Identity;
  readonly server: ServerConfig;
  readonly transport: 'streamable' | 'sse';
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly log: Log;
}
