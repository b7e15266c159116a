/** The public names of @causeway/protocol. */
export {
  CausewayError,
  ERRORS,
  errorObject,
  asCausewayError,
  errorResponse,
  isReason,
  type ErrorDetail,
  type ErrorFacts,
  type Executed,
  type Reason,
} from './errors.ts';
export { formatEventId, parseEventId, type EventId } from './event-id.ts';
export { memberText, readHandshake, requestedRevision, type Handshake } from './handshake.ts';
export {
  ANONYMOUS,
  identityLabel,
  identityOf,
  mintSession,
  newEdgeId,
  newWorkerId,
  tokenOf,
  verifySession,
  type EdgeId,
  type Identity,
  type SessionAudience,
  type SessionClaims,
  type SessionId,
  type SessionToken,
  type WorkerId,
} from './ids.ts';
export { FrameFault, oneLine, readClientBody, readServerLine, splitServerBatch, withId, type Body, type Frame } from './jsonrpc.ts';
export { refusedAnswer } from './refused-answer.ts';
export { ASSUMED_REVISION, isRevision, LEGACY_REVISIONS, REVISIONS, type Revision } from './revisions.ts';
export { slice, splice, type Edit, type Span } from './splice.ts';
