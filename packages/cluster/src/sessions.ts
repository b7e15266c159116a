/**
 * Owns the contract of the session records: who owns which session, and what a new owner would need to
 * serve it. Written once when a session opens, again only when its owner changes, deleted at its end.
 *
 * Invariants: never read on the path of a call while the owner is where the id says it is; every change
 * is a compare-and-swap on the record's own revision, so that of two claimants one loses; a store that was emptied or set
 * back shows, if its copy is older than two looks (generations.ts).
 */
import type { Identity, SessionToken, WorkerId } from '@causeway/protocol';
import type { Generation } from './generations.ts';
import type { Ledger } from './ledger.ts';

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
  /** Under which generation of the records it was written (generations.ts); without one by a program that knew of none. */
  readonly generation?: string;
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
  /** Stores a new record; resolves with its revision, or `undefined` if the token is taken, or was removed (`wasRemoved`). */
  create(token: SessionToken, record: SessionRecord): Promise<number | undefined>;
  /** The present record, read where writes are ordered: never a stale replica. */
  get(token: SessionToken): Promise<StoredSession | undefined>;
  /** Replaces the record if `revision` is still the newest; resolves with the new one, or `undefined` if it is not. */
  replace(token: SessionToken, record: SessionRecord, revision: number): Promise<number | undefined>;
  /**
   * Removes the record if `revision` is still the newest; `false` if it stands at another. Fine if there is none: that it
   * was removed is known from then on, also where it had been lost with the store, or is about to be written (revision 0).
   */
  delete(token: SessionToken, revision: number): Promise<boolean>;
  /** The key that signs session ids, made once for the whole cluster: 32 bytes. */
  signingKey(): Promise<Buffer>;
  /** Whether the record was removed by somebody, rather than lost: known for some minutes. */
  wasRemoved(token: SessionToken): Promise<boolean>;
  /** The generation as last seen here: what is written is written under it. `undefined` before the first look. */
  readonly generation: string | undefined;
  /**
   * The present generation. A record of another one was written before the store was lost or set back, and is believed
   * only when its owner has written it again.
   */
  look(): Promise<Generation>;
  /** Whether a record that is missing now may be written again by its owner, since records were lost or set back a moment ago. */
  unsettled(): Promise<boolean>;
  /** As `look`, every few seconds, for whoever holds sessions. What is gone of the store itself is made again first, the signing key included. */
  tend(): Promise<Generation>;
  /** Removes the records of former generations. Rejects with some of them left. */
  sweep(): Promise<void>;
}

/** Whether the record was written before the present generation began. */
export function isFormer({ generation }: SessionRecord, present: string | undefined): boolean {
  return generation !== undefined && generation !== present;
}

/**
 * Whether a session whose record was not found is over: somebody has removed it, or nothing of the stores can be missing.
 * `followed`: the ledger was whole before the record was looked for; what is not heard of anything new may have been told by one who
 * leads the stores no more. Rejects with CausewayError `cluster.unavailable`.
 */
export async function isOver(
  { ledger, sessions }: { readonly ledger: Pick<Ledger, 'whole'>; readonly sessions: Pick<SessionRecords, 'wasRemoved' | 'unsettled'> },
  token: SessionToken,
  followed: boolean,
): Promise<boolean> {
  if (await sessions.wasRemoved(token)) return true;
  // Asked in any case: a generation that is seen for the first time has just begun, so it is settled the sooner for being looked at.
  const unsettled = await sessions.unsettled();
  return followed && ledger.whole && !unsettled;
}
