/**
 * Owns what a request of the stateless era says of itself in `params._meta`: reading what a client says, and what the
 * bridge says with requests of its own. Pure.
 * Source: 2026-07-28 basic/index (Requests, `_meta`); DECISIONS: identity never comes from here.
 */
import { CausewayError } from './errors.ts';
import type { Frame } from './jsonrpc.ts';
import { membersIn, valueAt } from './members.ts';
import { CLIENT_CAPABILITIES_KEY, CLIENT_INFO_KEY, LOG_LEVEL_KEY, MODERN_REVISION, PROTOCOL_VERSION_KEY } from './meta-keys.ts';
import type { Span } from './splice.ts';

export const LOG_LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Capabilities as a client declares them: what matters here is which there are, and their members. */
export type ClientCapabilities = Readonly<Record<string, unknown>>;

export interface RequestMeta {
  /** Where it lies in the message. */
  readonly span: Span;
  readonly version: string;
  readonly capabilities: ClientCapabilities;
  /** Absent: the request wants no logs. */
  readonly logLevel?: LogLevel;
  /** All of it. */
  readonly all: Readonly<Record<string, unknown>>;
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The metadata of a message that claims to be of the stateless era. Throws `request.envelope`, naming what to change. */
export function readMeta(frame: Frame & { readonly claim: Span }): RequestMeta {
  const all = valueAt(frame.bytes, frame.claim) as Readonly<Record<string, unknown>>;
  const version = all[PROTOCOL_VERSION_KEY];
  const capabilities = all[CLIENT_CAPABILITIES_KEY];
  if (typeof version !== 'string') throw broken(PROTOCOL_VERSION_KEY, 'must be a string');
  if (frame.kind === 'notification') return { span: frame.claim, version, capabilities: {}, all };
  if (capabilities === undefined) throw broken(CLIENT_CAPABILITIES_KEY, 'is missing');
  if (!isObject(capabilities)) throw broken(CLIENT_CAPABILITIES_KEY, 'must be an object');
  for (const [name, value] of Object.entries(capabilities)) {
    if (!isObject(value)) throw broken(`${CLIENT_CAPABILITIES_KEY}.${name}`, 'must be an object');
  }
  const info = all[CLIENT_INFO_KEY];
  if (info !== undefined && !(isObject(info) && typeof info['name'] === 'string' && typeof info['version'] === 'string')) {
    throw broken(CLIENT_INFO_KEY, 'must be an object with a name and a version');
  }
  const level = all[LOG_LEVEL_KEY];
  if (level !== undefined && !isLogLevel(level)) throw broken(LOG_LEVEL_KEY, `must be one of ${LOG_LEVELS.join(', ')}`);
  return { span: frame.claim, version, capabilities, all, ...(level === undefined ? {} : { logLevel: level }) };
}

function broken(key: string, problem: string): CausewayError {
  return new CausewayError('request.envelope', {
    message: `Invalid params: _meta of a 2026-07-28 request: ${key} ${problem}`,
    facts: { key, problem },
  });
}

/** What a client must add that names the era in its header alone. */
export function missingMeta(frame: Frame): CausewayError {
  const keys = frame.kind === 'notification' ? [PROTOCOL_VERSION_KEY] : [PROTOCOL_VERSION_KEY, CLIENT_CAPABILITIES_KEY];
  return new CausewayError('request.envelope', {
    message: `Invalid params: the MCP-Protocol-Version header names the stateless era, but params._meta lacks ${keys.join(' and ')}`,
    facts: { missing: keys },
  });
}

export function isLogLevel(value: unknown): value is LogLevel {
  return typeof value === 'string' && (LOG_LEVELS as readonly string[]).includes(value);
}

/** Whether a log message is for whoever asked for `wanted` and what is more severe. */
export function isLoud({ bytes, params }: Frame, wanted: LogLevel): boolean {
  const span = membersIn(bytes, params)?.of.get('level');
  const level = span && valueAt(bytes, span);
  return isLogLevel(level) && LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(wanted);
}

/** `_meta` of a request that the bridge makes by itself, as the client of that name; JSON text. */
export function ownMeta(name: string): string {
  return JSON.stringify({
    [PROTOCOL_VERSION_KEY]: MODERN_REVISION,
    [CLIENT_CAPABILITIES_KEY]: {},
    [CLIENT_INFO_KEY]: { name, version: '0' },
  });
}

/** That of nearly all of them. */
export const OWN_META = ownMeta('causeway');
