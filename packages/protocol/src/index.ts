/** The public names of @causeway/protocol. */
export {
  CausewayError,
  ERRORS,
  errorObject,
  asCausewayError,
  errorResponse,
  isReason,
  type Capabilities,
  type ErrorFacts,
  type Reason,
} from './errors.ts';
export { classify, type EraHeaders, type ModernMessage } from './classify.ts';
export { formatEventId, parseEventId, type EventId } from './event-id.ts';
export { checkHeaderArguments, headerArguments, isParamHeader, PARAM_HEADER, refuseAmbiguous, type HeaderArgument } from './headers.ts';
export { capabilitiesIn, LISTS, memberText, readHandshake, requestedRevision, type Handshake, type List } from './handshake.ts';
export {
  ANONYMOUS,
  identityLabel,
  identityOf,
  mintSession,
  newEdgeId,
  newWorkerId,
  sealSession,
  tokenOf,
  verifySession,
  type EdgeId,
  type Identity,
  type SessionClaims,
  type SessionId,
  type SessionToken,
  type WorkerId,
} from './ids.ts';
export { allRequired, ASKING_METHODS, inputRequired, isInputKind, mayAsk, toInputRequest, type InputRequest } from './input-required.ts';
export { rawId, withId } from './frame-id.ts';
export { FrameFault, readClientBody, readServerLine, splitServerBatch, type Body, type Frame } from './jsonrpc.ts';
export { elementsOf, membersAt, membersIn, membersOf, textOf, valueAt, withMembers, withoutMembers, type Members } from './members.ts';
export {
  isLogLevel,
  isLoud,
  isObject,
  OWN_META,
  ownMeta,
  readMeta,
  type ClientCapabilities,
  type LogLevel,
  type RequestMeta,
} from './meta.ts';
export {
  CLIENT_CAPABILITIES_KEY,
  CLIENT_INFO_KEY,
  CLIENT_META_KEYS,
  isModern,
  LOG_LEVEL_KEY,
  MODERN_REVISION,
  PROTOCOL_VERSION_KEY,
  SERVER_INFO_KEY,
  SUBSCRIPTION_ID_KEY,
  TASKS_KEY,
} from './meta-keys.ts';
export { answerTo, cancellationOf, DONE, notificationOf, requestOf } from './own-messages.ts';
export { outlineOf, type Depth, type Outline } from './outline.ts';
export { openState, sealState, type RequestState, type StateAudience } from './request-state.ts';
export { refusedAnswer } from './refused-answer.ts';
export { refusedRequest } from './refused-request.ts';
export { completing, discoverResult, withoutTaskExtension } from './results.ts';
export {
  agreedRevision,
  ASSUMED_REVISION,
  isDate,
  isRevision,
  LEGACY_REVISIONS,
  revisionLabel,
  REVISIONS,
  type AgreedRevision,
  type Revision,
} from './revisions.ts';
export { numberAt, echoedAt } from './minted-numbers.ts';
export { isNull, oneLine, rawText, slice, splice, type Edit, type Span } from './splice.ts';
export { failureOf, methodLabel, nameAttribute, nameLabel, OTHER } from './request-labels.ts';
