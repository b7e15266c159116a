/**
 * Owns the states of a session and the pure transition between them. Numbered invariants, and who keeps
 * them, stand in docs/session-states.md.
 *
 * Every way to end is one event with a reason; the first reason is kept.
 */

export type EndReason =
  /** The client said DELETE, or left its 2024-11-05 stream. */
  | 'delete'
  /** The edge of its 2024-11-05 stream is gone, or has left. */
  | 'client_gone'
  | 'idle'
  /** An operator ended it. */
  | 'killed'
  | 'child_exit'
  /** The child broke the stdio protocol, once the session was open. */
  | 'child_broken'
  | 'start_failed'
  | 'start_timeout'
  | 'drain'
  | 'lease_lost'
  /** It has lived for as long as a session may. */
  | 'age'
  /** Its place went to others while its worker's record was gone. */
  | 'revoked'
  /** Given up so that another worker can take it over. */
  | 'released'
  /** Another worker has taken it over. */
  | 'moved';

export type SessionState =
  /** The child starts or has not answered initialize yet. */
  | { readonly kind: 'starting' }
  | { readonly kind: 'open' }
  /** Calls are answered, streams ended; the child is being stopped. */
  | { readonly kind: 'closing'; readonly reason: EndReason }
  /** Nothing is left. */
  | { readonly kind: 'ended'; readonly reason: EndReason };

export type SessionEvent =
  | { readonly kind: 'opened' }
  | { readonly kind: 'close'; readonly reason: EndReason }
  /** The child and its whole group are gone, the record is deleted. */
  | { readonly kind: 'gone' };

/** The state after an event; the same object if the event changes nothing. */
export function transition(state: SessionState, event: SessionEvent): SessionState {
  switch (state.kind) {
    case 'starting':
      if (event.kind === 'opened') return { kind: 'open' };
      return event.kind === 'close' ? { kind: 'closing', reason: event.reason } : state;
    case 'open':
      return event.kind === 'close' ? { kind: 'closing', reason: event.reason } : state;
    case 'closing':
      return event.kind === 'gone' ? { kind: 'ended', reason: state.reason } : state;
    case 'ended':
      return state;
  }
}

export interface Prospects {
  /** It has had an owner before. */
  readonly takenOver: boolean;
  /** Its server may be started anew, and there may be another worker to do so. */
  readonly recoverable: boolean;
  /** It is to be taken over, and its record is still another owner's. */
  readonly claiming: boolean;
}

/**
 * Whether a session that ends for this reason may go on at another owner: its worker could not keep it, and neither
 * its client nor its child has ended it. One that was taken over and did not begin well may be tried again. Whoever has not
 * got the record yet removes it for those alone who may end any session.
 */
export function keepsRecord(reason: EndReason, { takenOver, recoverable, claiming }: Prospects): boolean {
  if (claiming) return reason !== 'delete' && reason !== 'killed';
  switch (reason) {
    case 'moved':
      return true;
    case 'released':
    case 'lease_lost':
      return recoverable;
    case 'start_failed':
    case 'start_timeout':
    case 'drain':
      return recoverable && takenOver;
    default:
      return false;
  }
}
