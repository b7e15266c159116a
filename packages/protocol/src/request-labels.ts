/**
 * Owns what figures say of a request: its method, as one of a bounded number of names, the tool or prompt that it names, and
 * how it failed at its server. Pure.
 * Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md (`mcp.method.name`, `gen_ai.tool.name`, `error.type`).
 */
import type { Frame } from './jsonrpc.ts';
import { membersIn, valueAt } from './members.ts';

/** Requests of a client in any revision. */
const METHODS: ReadonlySet<string> = new Set([
  ...['initialize', 'ping', 'server/discover', 'logging/setLevel', 'completion/complete', 'subscriptions/listen'],
  ...['tools/list', 'tools/call', 'prompts/list', 'prompts/get'],
  ...['resources/list', 'resources/templates/list', 'resources/read', 'resources/subscribe', 'resources/unsubscribe'],
  ...['tasks/get', 'tasks/result', 'tasks/list', 'tasks/update', 'tasks/cancel'],
]);

/** What figures call all that they do not tell apart. */
export const OTHER = '_other';

/** A client may name any method. */
export const methodLabel = (method: string | undefined): string => (method !== undefined && METHODS.has(method) ? method : OTHER);

/** What figures call that which a request names, by its method. */
const NAMED = new Map([
  ['tools/call', 'gen_ai.tool.name'],
  ['prompts/get', 'gen_ai.prompt.name'],
]);

export const nameAttribute = (method: string): string | undefined => NAMED.get(method);

/** Bytes of a name, of which MCP wants at most 128 characters. Longer ones are not told apart. */
const LONGEST = 256;
const [QUOTE, BACKSLASH] = [0x22, 0x5c];

/** The tool or prompt that a request names, if it is one of those that name any. A client may name any, too. */
export function nameLabel({ bytes, method = '', name = 0 }: Frame): string | undefined {
  if (name === 0 || !NAMED.has(method) || bytes[name] !== QUOTE) return undefined;
  let end = name + 1;
  while (bytes[end] !== QUOTE && end - name <= LONGEST) end += bytes[end] === BACKSLASH ? 2 : 1;
  return bytes[end] === QUOTE ? (valueAt(bytes, { start: name, end: end + 1 }) as string) : OTHER;
}

/** What JSON-RPC and MCP define, and what servers of the official SDKs say; a server may give any number. */
const CODES: ReadonlySet<unknown> = new Set([
  ...[-32700, -32600, -32601, -32602, -32603],
  ...[-32000, -32001, -32002, -32042, -32020, -32021, -32022],
]);
const IS_ERROR = Buffer.from('"isError"');
/** Bytes at either end of a result in which its flag is looked for: large ones are not searched. */
const NEAR = 512;
const [COLON, SPACE, TRUE] = [0x3a, 0x20, 0x74];

/** How an answer says that its request failed: the error's code, `tool_error`, or `undefined` where it did not. */
export function failureOf(frame: Frame, method: string): string | undefined {
  const { bytes, error, result } = frame;
  if (error) {
    const span = membersIn(bytes, error)?.of.get('code');
    const code = span && valueAt(bytes, span);
    return CODES.has(code) ? String(code) : OTHER;
  }
  if (method !== 'tools/call' || !result || !mayBeError(bytes)) return undefined;
  const span = membersIn(bytes, result)?.of.get('isError');
  return span && bytes[span.start] === TRUE ? 'tool_error' : undefined;
}

/** Whether the flag stands near an end, set. Inside of a text its quotes would have been escaped. */
function mayBeError(bytes: Buffer): boolean {
  if (bytes.length <= 2 * NEAR) return isSet(bytes);
  return isSet(bytes.subarray(0, NEAR)) || isSet(bytes.subarray(-NEAR));
}

function isSet(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(IS_ERROR); at >= 0; at = bytes.indexOf(IS_ERROR, at)) {
    at += IS_ERROR.length;
    while (bytes[at] === SPACE || bytes[at] === COLON) at += 1;
    if (bytes[at] === TRUE) return true;
  }
  return false;
}
