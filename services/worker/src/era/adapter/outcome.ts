/**
 * Owns the form of a server's answers in the eras with a handshake: what the stateless era says on every result is taken
 * out, and its error codes are told as an internal error with the same text. Pure.
 * Source: 2026-07-28 basic/index (Results, Error codes), basic/patterns/caching; WIRE: 2025 client to 2026 server.
 */
import {
  isRevision,
  LEGACY_REVISIONS,
  LISTS,
  rawText,
  SERVER_INFO_KEY,
  textOf,
  valueAt,
  withoutMembers,
  type Depth,
  type Edit,
  type Outline,
  type Revision,
} from '@causeway/protocol';
import { change, joined } from './change.ts';
import { legacyStructured, legacyTools } from './structured.ts';

/** What is looked into of a server's line. */
export const SERVER_DEPTH: Depth = { params: { _meta: {} }, result: { _meta: {}, capabilities: {} }, error: {} };

const OF_RESULTS = ['resultType', 'ttlMs', 'cacheScope'];
const INFO: ReadonlySet<string> = new Set([SERVER_INFO_KEY]);
const RESULT: ReadonlySet<string> = new Set(OF_RESULTS);
const RESULT_AND_META: ReadonlySet<string> = new Set([...OF_RESULTS, '_meta']);
const INTERNAL = Buffer.from('-32603');
/** A missing capability. */
const LACKS = -32_021;
/** The block of codes that the stateless era has reserved, and the one in it that an era with a handshake uses. */
const RESERVED = { first: -32_099, last: -32_020, legacy: -32_042 };

/** The changes to the result of a request of that method. */
export function legacyResult(bytes: Buffer, result: Outline, method: string): readonly Edit[] {
  if (method === 'tools/list') return [...ofEvery(bytes, result), ...legacyTools(bytes, result)];
  if (method === 'tools/call') return [...ofEvery(bytes, result), ...legacyStructured(bytes, result)];
  return ofEvery(bytes, result);
}

function ofEvery(bytes: Buffer, result: Outline): readonly Edit[] {
  const meta = result.inside.get('_meta');
  if (!meta?.of.has(SERVER_INFO_KEY)) return change(bytes, result, { without: RESULT });
  if (meta.of.size === 1) return change(bytes, result, { without: RESULT_AND_META });
  return [...change(bytes, result, { without: RESULT }), ...withoutMembers(bytes, meta, INFO)];
}

/** The changes to an error. */
export function legacyError(bytes: Buffer, error: Outline | undefined): readonly Edit[] {
  const span = error?.of.get('code');
  const code = span && valueAt(bytes, span);
  const reserved = typeof code === 'number' && code >= RESERVED.first && code <= RESERVED.last && code !== RESERVED.legacy;
  return span && reserved ? [{ span, bytes: INTERNAL }] : [];
}

/** What a server says that refuses a call for what its client has not declared. */
export function lackOf(bytes: Buffer, error: Outline | undefined): string | undefined {
  const span = error?.of.get('code');
  return span && valueAt(bytes, span) === LACKS ? textOf(bytes, error, 'message') : undefined;
}

/** What a server has declared that the translation must know. */
export interface Declared {
  readonly logging: boolean;
  /** Lists of whose changes it tells. */
  readonly lists: readonly string[];
  /** It tells of changes of single resources. */
  readonly subscribe: boolean;
}

export const NOTHING: Declared = { logging: false, lists: [], subscribe: false };

const DISCOVERY = [...OF_RESULTS, 'supportedVersions', 'serverInfo'];
const EXTENSIONS: ReadonlySet<string> = new Set(['extensions', 'tasks']);
const NEWEST: Revision = LEGACY_REVISIONS[LEGACY_REVISIONS.length - 1]!;

/** The changes that make the result of `server/discover` one of `initialize`. `requested`: the revision that the client named. */
export function handshakeOf(bytes: Buffer, result: Outline, requested: string, server: string): readonly Edit[] {
  const meta = result.inside.get('_meta');
  const capabilities = result.inside.get('capabilities');
  // Early servers of this era said who they are beside what they can.
  const span = meta?.of.get(SERVER_INFO_KEY) ?? result.of.get('serverInfo');
  const info = span ? rawText(bytes, span) : JSON.stringify({ name: server, version: '0' });
  const keep = meta !== undefined && [...meta.of.keys()].some((key) => key !== SERVER_INFO_KEY);
  const without = new Set([...DISCOVERY, ...(keep ? [] : ['_meta']), ...(capabilities ? [] : ['capabilities'])]);
  return [
    ...change(bytes, result, {
      without,
      add: joined(
        `"protocolVersion":"${isRevision(requested) ? requested : NEWEST}"`,
        `"serverInfo":${info}`,
        capabilities ? undefined : '"capabilities":{}',
      ),
    }),
    ...(keep ? withoutMembers(bytes, meta, INFO) : []),
    ...(capabilities ? withoutMembers(bytes, capabilities, EXTENSIONS) : []),
  ];
}

interface Capability {
  readonly listChanged?: unknown;
  readonly subscribe?: unknown;
}

export function declaredBy(bytes: Buffer, result: Outline): Declared {
  const members = result.inside.get('capabilities');
  const capabilities = (members ? valueAt(bytes, members.span) : {}) as Partial<Record<string, Capability | null>>;
  return {
    logging: capabilities['logging'] !== undefined,
    lists: LISTS.filter((list) => capabilities[list]?.listChanged === true),
    subscribe: capabilities['resources']?.subscribe === true,
  };
}

/** Whether a result says that the server has to be asked again. */
export const kindOf = (bytes: Buffer, result: Outline): string => textOf(bytes, result, 'resultType') ?? 'complete';
