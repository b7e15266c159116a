/**
 * Owns what is known of one request of the stateless era while it is served, and the bytes in which a server of either
 * era is given it. Pure.
 */
import type { CallHead } from '@causeway/cluster';
import type { ServerConfig } from '@causeway/config';
import {
  CLIENT_CAPABILITIES_KEY,
  CLIENT_META_KEYS,
  isObject,
  membersIn,
  membersOf,
  readMeta,
  splice,
  TASKS_KEY,
  valueAt,
  withoutMembers,
  withoutTaskExtension,
  type Edit,
  type Members,
  type RequestMeta,
  type StateAudience,
} from '@causeway/protocol';
import type { Response } from './response.ts';

export interface StatelessRequest {
  readonly server: ServerConfig;
  readonly head: CallHead;
  readonly body: Buffer;
  readonly method: string;
  readonly meta: RequestMeta;
  /** The members of `params`. */
  readonly params: Members;
  readonly response: Response;
}

/** What of a request can be read before it has a response. Throws CausewayError `request.envelope`. */
export function readRequest(head: CallHead, body: Buffer): Pick<StatelessRequest, 'meta' | 'params'> {
  const params = membersIn(body, head.params);
  if (!params || !head.frame.id || head.meta.end > body.length)
    throw new Error('the envelope of a stateless request says where its parts lie');
  return { meta: readMeta({ kind: 'request', bytes: body, id: head.frame.id, claim: head.meta }), params };
}

/** To what the state between two rounds of this call is bound. */
export const audienceOf = ({ head, method, server }: StatelessRequest): StateAudience => ({
  identity: head.identity,
  server: server.name,
  method,
  name: head.name ?? '',
});

/** Whether two rounds of one call have the same arguments; a client may have written them anew. None are as good as empty ones. */
export const sameArguments = (one: StatelessRequest, other: StatelessRequest): boolean => same(argumentsOf(one), argumentsOf(other));

function argumentsOf({ body, params }: StatelessRequest): unknown {
  const span = params.of.get('arguments');
  return span ? valueAt(body, span) : {};
}

/** Values of JSON: members have no order. */
function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one)) return Array.isArray(other) && one.length === other.length && one.every((value, at) => same(value, other[at]));
  if (!isObject(one) || !isObject(other)) return one === other;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => Object.hasOwn(other, name) && same(one[name], other[name]));
}

/** What a client says of rounds, which are ours, and of tasks, which are not carried. */
const FOREIGN: ReadonlySet<string> = new Set(['requestState', 'inputResponses', 'task']);
const FOREIGN_AND_META: ReadonlySet<string> = new Set([...FOREIGN, '_meta']);
const CLIENT_META: ReadonlySet<string> = new Set(CLIENT_META_KEYS);
const CLIENT_META_AND_TOKEN: ReadonlySet<string> = new Set([...CLIENT_META_KEYS, 'progressToken']);
const STATE: ReadonlySet<string> = new Set(['requestState']);

/** For a server with a handshake, under the id that it knows: nothing of what its client says of itself, nothing of rounds or tasks. */
export function forLegacy({ head, body, meta, params }: Pick<StatelessRequest, 'head' | 'body' | 'meta' | 'params'>, id: number): Buffer {
  const number = Buffer.from(String(id));
  const edits: Edit[] = [{ span: head.frame.id!, bytes: number }];
  const token = head.frame.progressToken;
  const own = hasMore(meta) ? membersIn(body, meta.span) : undefined;
  if (!own && !token) return splice(body, [...edits, ...withoutMembers(body, params, FOREIGN_AND_META)]);
  edits.push(...withoutMembers(body, params, FOREIGN));
  if (!own) edits.push({ span: meta.span, bytes: Buffer.from(`{"progressToken":${id}}`) });
  else edits.push(...withoutMembers(body, own, token ? CLIENT_META : CLIENT_META_AND_TOKEN));
  if (own && token) edits.push({ span: token, bytes: number });
  return splice(body, edits);
}

/** Whether there is anything in it that means nothing to the bridge. */
function hasMore({ all }: RequestMeta): boolean {
  for (const name in all) if (!CLIENT_META_AND_TOKEN.has(name)) return true;
  return false;
}

/** For a server of the stateless era: its own state in the place of ours, and nothing of tasks. */
export function forModern({ head, body, meta, params }: StatelessRequest, id: number): Buffer {
  const number = Buffer.from(String(id));
  const edits: Edit[] = [{ span: head.frame.id!, bytes: number }];
  if (head.frame.progressToken) edits.push({ span: head.frame.progressToken, bytes: number });
  const state = params.of.get('requestState');
  if (state && head.inner !== undefined && head.inner !== '') edits.push({ span: state, bytes: Buffer.from(JSON.stringify(head.inner)) });
  else if (state && head.inner === '') edits.push(...withoutMembers(body, params, STATE));
  const { extensions } = meta.capabilities;
  if (isObject(extensions) && Object.hasOwn(extensions, TASKS_KEY))
    edits.push(...withoutTaskExtension(body, membersOf(body, membersIn(body, meta.span), CLIENT_CAPABILITIES_KEY)));
  return splice(body, edits);
}
