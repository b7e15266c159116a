/**
 * Owns what a worker tells operators: the JSON behind its yes to an `AskHead`.
 * Invariant: nothing here is a secret or a credential. A session is named by its token, which opens nothing; of a
 * child there is the process id, never its command or environment.
 */
import type { SessionToken, WorkerId } from '@causeway/protocol';

export interface SessionDescription {
  readonly id: SessionToken;
  readonly server: string;
  /** Its owner, or the last one while it waits, and how many there were. */
  readonly worker: WorkerId;
  readonly epoch: number;
  /** The owner's state of it; `waiting`: it has no owner until its client's next message; `ended`. */
  readonly state: string;
  /** `anonymous`, or the beginning of the identity's hash. */
  readonly identity: string;
  readonly transport: 'streamable' | 'sse';
  /** Negotiated MCP revision; empty until the child has answered initialize. */
  readonly revision: string;
  /** ISO 8601. */
  readonly opened: string;
  /** Milliseconds without a stream, a call or a message; 0 while something holds it; null while it waits. */
  readonly idleMs: number | null;
  /** Calls in flight. */
  readonly calls: number;
  /** Streams that somebody is attached to, besides those of calls. */
  readonly streams: number;
  /** Of the child; null while there is none. */
  readonly pid: number | null;
}

export interface WorkerProcess {
  readonly pid: number;
  readonly uptimeMs: number;
  /** Resident memory of the worker itself. */
  readonly rssBytes: number;
}

/** To `list` and `describe`. */
export interface SessionsAnswer {
  /** The newest first. */
  readonly sessions: readonly SessionDescription[];
  /** How many there are, listed or not. */
  readonly total: number;
  readonly process: WorkerProcess;
}

/** To `drain` and `resume`. */
export interface StandingAnswer {
  readonly draining: boolean;
  /** Held now. */
  readonly sessions: number;
}
