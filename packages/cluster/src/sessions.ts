/**
 * Owns the contract of the session records: who owns which session, and what a new owner would need to
 * serve it. Written once when a session opens, again only when its owner changes, deleted at its end.
 *
 * Invariants: never read on the path of a call while the owner is where the id says it is; every change
 * is a compare-and-swap on the record's own revision, so that of two claimants one loses.
 */
import type { Identity, SessionToken, WorkerId } from '@causeway/protocol';

export interface SessionRecord {
  readonly v: 1;
  readonly server: string;
  readonly identity: Identity;
  readonly owner: WorkerId;
  /** Counts owners, from 1; messages of a lower epoch are dropped. */
  readonly epoch: number;
  /** Negotiated MCP revision. */
  readonly revision: string;
  /** `params` of the client's initialize, and the server's result, as raw JSON text. */
  readonly initialize: { readonly params: string; readonly result: string };
  /** Milliseconds since 1970. */
  readonly created: number;
}

/** Largest record as JSON, in bytes; a larger one is refused with `server.reply_too_large`. */
export const SESSION_RECORD_BYTES = 512 * 1024;

/** A record with the store's revision of it, needed to change it. */
export interface StoredSession {
  readonly record: SessionRecord;
  readonly revision: number;
}

/** Every operation may reject with a CausewayError `cluster.unavailable`; nothing is known of its effect then. */
export interface SessionRecords extends AsyncDisposable {
  /** Stores a new record; `false` if the token is taken. */
  create(token: SessionToken, record: SessionRecord): Promise<boolean>;
  /** The present record, read where writes are ordered: never a stale replica. */
  get(token: SessionToken): Promise<StoredSession | undefined>;
  /** Replaces the record if `revision` is still the newest; `false` if not. */
  replace(token: SessionToken, record: SessionRecord, revision: number): Promise<boolean>;
  /** Removes the record; fine if it is gone. */
  delete(token: SessionToken): Promise<void>;
  /** The key that signs session ids, made once for the whole cluster: 32 bytes. */
  signingKey(): Promise<Buffer>;
}
