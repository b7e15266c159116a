/**
 * Owns reading JSON-RPC messages from raw bytes: what kind each is and where its id, its method and the
 * ids inside its params lie. Nothing is built and nothing re-serialised; splice.ts changes the spans. Pure.
 *
 * Two readers share one scanner. `readClientBody` is strict, because what a client sends must mean the
 * same to every parser behind us (BAR S13-S16): only the keys that a message has, no key twice, no look-alike
 * of a known key, no prototype keys, bounded depth and keys. `readServerLine` is lenient about extra keys.
 */
import { isUtf8 } from 'node:buffer';
import { JsonScanner } from './json.ts';
import { CLIENT_SCAN, JsonFault, SERVER_SCAN } from './json-limits.ts';
import { printable, readId, refuseLookalike } from './member-rules.ts';
import { PROTOCOL_VERSION_KEY } from './meta-keys.ts';
import { withoutMember } from './null-members.ts';
import { isNull, oneLine, rawText, type Span } from './splice.ts';

export interface Frame {
  readonly kind: 'request' | 'notification' | 'response';
  /** One JSON object, without line breaks outside of strings. */
  readonly bytes: Buffer;
  /** The id's raw JSON, quotes included. A response to an unreadable request has `null`. */
  readonly id?: Span | undefined;
  readonly method?: string | undefined;
  /** `params._meta.progressToken` of a request, `params.progressToken` of `notifications/progress`. */
  readonly progressToken?: Span | undefined;
  /** `params.requestId` of `notifications/cancelled`. */
  readonly requestId?: Span | undefined;
  /** `params._meta`, where that names a protocol version: the message claims to be of the stateless era. */
  readonly claim?: Span | undefined;
  /** Where `params.name` begins, whatever it is: of a call, that of its tool. 0: there is none. */
  readonly name?: number;
  /** Where `params` lies, if that is an object; `result` or `error` of a response. */
  readonly params?: Span | undefined;
  readonly result?: Span | undefined;
  readonly error?: Span | undefined;
}

export type Body = { readonly kind: 'single'; readonly frame: Frame } | { readonly kind: 'batch'; readonly frames: readonly Frame[] };

/** Why a message was refused. `id` is the request's raw id where it could be read; what answers has none. */
export class FrameFault extends Error {
  readonly kind: 'malformed' | 'invalid';
  readonly id: string | undefined;
  constructor(kind: 'malformed' | 'invalid', message: string, id?: string) {
    super(message);
    this.name = 'FrameFault';
    this.kind = kind;
    this.id = id;
  }
}

const MAX_BATCH = 100;
const NULL = 0x6e;
/** Elements of an array of a server that are looked at one by one: more are no batch, and no list that anybody reads. */
export const MAX_ELEMENTS = 10_000;

/** What was read of a message so far. */
class Draft {
  version = false;
  /** It has a result or an error: its id is not one of its sender's. */
  answers = false;
  id: Span | undefined;
  idIsNull = false;
  method: string | undefined;
  params: Span | undefined;
  result: Span | undefined;
  error: Span | undefined;
  metaToken: Span | undefined;
  /** `_meta`, or the token in it, where that is null. */
  empty: Span | undefined;
  paramsToken: Span | undefined;
  requestId: Span | undefined;
  name = 0;
  meta: Span | undefined;
  claims = false;
}

/** The body of a POST: one message or an array of them. Throws FrameFault. */
export function readClientBody(body: Buffer): Body {
  if (!isUtf8(body)) throw new FrameFault('malformed', 'the body is not valid UTF-8');
  try {
    return readBody(body);
  } catch (error) {
    // A text that is no JSON at all is called that, whatever else is wrong with its beginning.
    const scanner = new JsonScanner(body, CLIENT_SCAN);
    faults(
      () => {
        scanner.value(0);
        scanner.end();
      },
      () => (error instanceof FrameFault ? error.id : undefined),
    );
    throw error;
  }
}

function readBody(body: Buffer): Body {
  const scanner = new JsonScanner(body, CLIENT_SCAN);
  if (scanner.peek() !== 0x5b) return { kind: 'single', frame: readFrame(body, scanner, true) };
  const elements = faults(() => {
    const found = scanner.array(0, MAX_BATCH);
    scanner.end();
    return found;
  });
  if (elements.length === 0) throw new FrameFault('invalid', 'the batch is empty');
  const messages = elements.map(({ start, end }) => body.subarray(start, end));
  return { kind: 'batch', frames: messages.map((bytes) => readFrame(bytes, new JsonScanner(bytes, CLIENT_SCAN), true)) };
}

/** One line of a stdio server. Throws FrameFault for noise. */
export function readServerLine(line: Buffer): Frame {
  if (!isUtf8(line)) throw new FrameFault('malformed', 'the line is not valid UTF-8');
  return readFrame(line, new JsonScanner(line, SERVER_SCAN), false);
}

/** The elements of an array of messages, as a 2025-03-26 server may print them; `undefined` for anything else. */
export function splitServerBatch(line: Buffer): Buffer[] | undefined {
  const scanner = new JsonScanner(line, SERVER_SCAN);
  if (scanner.peek() !== 0x5b) return undefined;
  try {
    const elements = scanner.array(0, MAX_ELEMENTS);
    scanner.end();
    return elements.map(({ start, end }) => line.subarray(start, end));
  } catch (error) {
    if (error instanceof JsonFault) return undefined;
    throw error;
  }
}

function faults<T>(read: () => T, id?: () => string | undefined): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    // What stands in a text that is no JSON is no id.
    throw error.kind === 'malformed' ? new FrameFault('malformed', error.message) : new FrameFault('invalid', error.message, id?.());
  }
}

function readFrame(bytes: Buffer, scanner: JsonScanner, strict: boolean): Frame {
  if (scanner.peek() !== 0x7b) {
    faults(() => {
      scanner.value(0);
      scanner.end();
    });
    throw new FrameFault('invalid', 'a JSON-RPC message is an object');
  }
  const draft = new Draft();
  faults(
    () => {
      scanner.object(0, (key, at, depth) => readMember(draft, bytes, key, at, depth, strict));
      scanner.end();
    },
    () => requestId(draft, bytes),
  );
  const line = strict && scanner.lines ? oneLine(bytes) : bytes;
  return settle(draft, strict && draft.empty ? withoutMember(line, draft.empty) : line, strict);
}

function readMember(draft: Draft, bytes: Buffer, key: string, scanner: JsonScanner, depth: number, strict: boolean): void {
  switch (key) {
    case 'jsonrpc':
      draft.version = scanner.peek() === 0x22 && scanner.string() === '2.0';
      if (!draft.version) throw new JsonFault('forbidden', 'jsonrpc must be "2.0"');
      return;
    case 'id':
      draft.id = readId(scanner, depth);
      draft.idIsNull = isNull(bytes, draft.id);
      return;
    case 'method':
      if (scanner.peek() !== 0x22) throw new JsonFault('forbidden', 'method must be a string');
      draft.method = scanner.string();
      return;
    case 'params':
      if (scanner.peek() !== 0x7b) {
        if (strict) throw new JsonFault('forbidden', 'params must be an object');
        scanner.value(depth);
        return;
      }
      draft.params = scanner.object(depth, (name, at, deeper) => readParam(draft, name, at, deeper, strict));
      return;
    case 'result':
      draft.answers = true;
      draft.result = scanner.value(depth);
      return;
    case 'error':
      draft.answers = true;
      draft.error = scanner.value(depth);
      return;
    default:
      if (strict) throw new JsonFault('forbidden', `a JSON-RPC message has no member ${printable(key)}`);
      scanner.value(depth);
  }
}

function readParam(draft: Draft, key: string, scanner: JsonScanner, depth: number, strict: boolean): void {
  if (strict) refuseLookalike(key, 'params');
  if (key === '_meta' && scanner.peek() === 0x7b) {
    draft.meta = scanner.object(depth, (name, at, deeper) => {
      if (strict) refuseLookalike(name, '_meta');
      draft.claims ||= name === PROTOCOL_VERSION_KEY;
      const token = name === 'progressToken';
      if (token && at.peek() === NULL) draft.empty = at.value(deeper);
      else if (token) draft.metaToken = readId(at, deeper);
      else at.value(deeper);
    });
  } else {
    const empty = key === '_meta' && scanner.peek() === NULL;
    const span = scanner.value(depth);
    if (empty) draft.empty = span;
    else if (key === 'progressToken') draft.paramsToken = span;
    else if (key === 'requestId') draft.requestId = span;
    else if (key === 'name') draft.name = span.start;
  }
}

function settle(draft: Draft, bytes: Buffer, strict: boolean): Frame {
  const { id, method, result, error } = draft;
  const invalid = (message: string): FrameFault => new FrameFault('invalid', message, requestId(draft, bytes));
  if (!draft.version) throw invalid('jsonrpc must be "2.0"');
  if (method !== undefined) {
    if (result || error) throw invalid('a message is either a request or a response');
    if (draft.idIsNull) throw invalid('the id of a request must not be null');
  } else {
    if (!id || !result === !error) throw invalid('a response has an id and either a result or an error');
    if (strict && draft.idIsNull) throw invalid('a response names the request that it answers');
  }
  // All frames have one shape: they are read faster.
  return {
    kind: method === undefined ? 'response' : id ? 'request' : 'notification',
    bytes,
    id,
    method,
    progressToken: tokenOf(draft),
    requestId: method === 'notifications/cancelled' ? draft.requestId : undefined,
    claim: method !== undefined && draft.claims ? draft.meta : undefined,
    name: draft.name,
    params: draft.params,
    result,
    error,
  };
}

/** Raw JSON, where it could be read, and is not that of an answer. */
const requestId = ({ id, answers }: Draft, bytes: Buffer): string | undefined => (id && !answers ? rawText(bytes, id) : undefined);

function tokenOf({ id, method, metaToken, paramsToken }: Draft): Span | undefined {
  if (!id) return method === 'notifications/progress' ? paramsToken : undefined;
  return method === undefined ? undefined : metaToken;
}
