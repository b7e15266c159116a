/**
 * Owns the reserved keys of `_meta` in the stateless era, and the one revision of it that is served.
 * Source: 2026-07-28 basic/index (General fields) and schema.
 */
import { isDate } from './revisions.ts';

/** The stateless revision that is served. */
export const MODERN_REVISION = '2026-07-28';

const PREFIX = 'io.modelcontextprotocol/';

export const PROTOCOL_VERSION_KEY = `${PREFIX}protocolVersion`;
export const CLIENT_CAPABILITIES_KEY = `${PREFIX}clientCapabilities`;
export const CLIENT_INFO_KEY = `${PREFIX}clientInfo`;
export const LOG_LEVEL_KEY = `${PREFIX}logLevel`;
export const SERVER_INFO_KEY = `${PREFIX}serverInfo`;
export const SUBSCRIPTION_ID_KEY = `${PREFIX}subscriptionId`;

/** The extension that is not carried. */
export const TASKS_KEY = `${PREFIX}tasks`;

/** What a client says of itself with every request, and a server of the era with a handshake cannot understand. */
export const CLIENT_META_KEYS: readonly string[] = [PROTOCOL_VERSION_KEY, CLIENT_CAPABILITIES_KEY, CLIENT_INFO_KEY, LOG_LEVEL_KEY];

/** Whether a revision belongs to the stateless era; dates compare as text, and what is no date belongs to none. */
export const isModern = (revision: string): boolean => revision >= MODERN_REVISION && isDate(revision);
