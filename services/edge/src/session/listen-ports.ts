/**
 * Owns the words of a stream that no call asked for (listen.ts): where it begins, and what is told of it.
 */
import type { DownHead, PendingHead, Place } from '@causeway/cluster';
import type { CausewayError, EventId, Revision } from '@causeway/protocol';
import type { Missing } from './relocate.ts';

export interface ListenPorts {
  /** An owner has attached us to the stream of this name; again with another name when the session has moved. */
  attached(stream: string, revision: Revision | undefined): void;
  message(head: Extract<DownHead, { t: 'server' }>, bytes: Buffer): void;
  /** 2024-11-05: a call whose answer is to come. */
  pending?(head: PendingHead): void;
  /** Not attached: what `from` names is a call that is over, and its client has all of it. */
  complete?(): void;
  /** Not attached, and why. */
  refused(error: CausewayError): void;
  /** Nothing more will come. */
  ended(): void;
}

export interface ListenOptions {
  /** `Last-Event-ID`. */
  readonly from?: EventId | undefined;
  /** The stream was begun already, at an owner that is missing. */
  readonly missing?: Missing;
  /** There; default where the session is known to be. */
  readonly at?: Place;
  /** How far the client was given it. */
  readonly heard?: EventId;
  /**
   * 2024-11-05: calls were accepted on other ways than this stream, and an owner that is lost can answer none of them.
   * The stream, and with it the session, then ends, which tells its client; it goes on only where it was let go.
   */
  readonly endsWithOwner?: true;
}
