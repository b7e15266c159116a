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
  readonly transport: 'streamable' | 'sse';
  /** Whose share of the limits it takes. */
  readonly share?: Identity;
  /** What its client has asked of the server for as long as the session lasts. */
  readonly standing?: StandingRecord;
}

/** Requests that a new child is to be given again: raw JSON text of their `params`. */
export interface StandingRecord {
  readonly level?: string;
  readonly subscriptions: readonly string[];
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
  /** Stores a new record; resolves with its revision, or `undefined` if the token is taken. */
  create(token: SessionToken, record: SessionRecord): Promise<number | undefined>;
  /** The present record, read where writes are ordered: never a stale replica. */
  get(token: SessionToken): Promise<StoredSession | undefined>;
  /** Replaces the record if `revision` is still the newest; resolves with the new one, or `undefined` if it is not. */
  replace(token: SessionToken, record: SessionRecord, revision: number): Promise<number | undefined>;
  /**
   * Removes the record if `revision` is still the newest; `false` if it stands at another. Fine if there is none: that it
   * was removed is known from then on, also where it had been lost with the store.
   */
  delete(token: SessionToken, revision: number): Promise<boolean>;
  /** The key that signs session ids, made once for the whole cluster: 32 bytes. */
  signingKey(): Promise<Buffer>;
  /** Whether the record was removed by somebody, rather than lost: known for some minutes. */
  wasRemoved(token: SessionToken): Promise<boolean>;
  /** What the store has now. What is gone of the store itself is made again first, the signing key included. */
  extent(): Promise<RecordsExtent>;
}

/** A record outside was lost with the store, which an operator emptied, removed or set back. */
export interface RecordsExtent {
  /** The lowest and the highest revision that may be kept. */
  readonly first: number;
  readonly last: number;
  /** Changes when the store is made anew: revisions of the one before mean nothing. */
  readonly made: string;
}
