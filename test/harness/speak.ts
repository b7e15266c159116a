/**
 * Owns MCP over HTTP spoken by hand: each call of these is one HTTP exchange with every header in the test's
 * hands. For behaviour of real clients use the SDKs instead.
 */
import { SseParser, type SseEvent } from './event-stream.ts';
import { Inbox, within } from './within.ts';

export interface Message {
  readonly jsonrpc?: string;
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Readonly<Record<string, unknown>> };
}

export type Headers = Readonly<Record<string, string>>;

const ACCEPT_BOTH = 'application/json, text/event-stream';

export interface Answer {
  readonly status: number;
  readonly headers: globalThis.Headers;
  readonly text: string;
  /** Messages of the body, whether it was JSON, a batch or SSE. */
  readonly messages: readonly Message[];
  readonly events: readonly SseEvent[];
}

/** POSTs `body` (text as it is, anything else as JSON) and reads the whole answer. */
export async function post(url: string, body: unknown, headers: Headers = {}, ms = 15_000): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: ACCEPT_BOTH, ...headers },
    body: text,
    signal: AbortSignal.timeout(ms),
  });
  return readAnswer(response);
}

/** Whether a call was in flight when its worker was lost, as what comes to NATS is before that has noticed the loss. */
export function wasInFlight(message: Message | undefined): boolean {
  const { reason, executed } = message?.error?.data ?? {};
  return reason === 'cluster.owner_lost' && executed === 'unknown';
}

/** The same after a worker was killed: what was in flight is sent again, as a client would. */
export async function postAgain(url: string, body: object, headers: Headers = {}): Promise<Answer> {
  const answer = await post(url, body, headers, 20_000);
  return wasInFlight(answer.messages.at(-1)) ? postAgain(url, body, headers) : answer;
}

export async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const events: SseEvent[] = [];
  let messages: Message[] = [];
  if (type.startsWith('text/event-stream')) {
    new SseParser((event) => events.push(event)).push(Buffer.from(text));
    messages = events.flatMap(({ data }) => (data === '' ? [] : (JSON.parse(data) as Message | Message[])));
  } else if (type.startsWith('application/json') && text !== '') {
    messages = [JSON.parse(text) as Message | Message[]].flat();
  }
  return { status: response.status, headers: response.headers, text, messages, events };
}

/** A stream that is still open: a GET, or a POST whose answer has not come. */
export interface OpenStream extends AsyncDisposable {
  readonly status: number;
  readonly headers: globalThis.Headers;
  readonly events: Inbox<SseEvent>;
  readonly comments: readonly string[];
  /** Resolves when the peer ends the stream, or it breaks, or it is dropped. */
  readonly ended: Promise<void>;
  /** Messages so far. */
  messages(): readonly Message[];
  /** The first message that satisfies `test`. */
  message(what: string, test: (message: Message) => boolean, ms?: number): Promise<Message>;
  /** Breaks the connection as a client that goes away does. */
  drop(): Promise<void>;
}

const parsed = (event: SseEvent): Message => (event.data.startsWith('{') ? (JSON.parse(event.data) as Message) : {});

/** Resolves at the headers; rejects if the answer is no event stream. */
export async function openStream(url: string, init: RequestInit = {}, ms = 10_000): Promise<OpenStream> {
  const abort = new AbortController();
  const headers = { accept: init.method === 'POST' ? ACCEPT_BOTH : 'text/event-stream', ...(init.headers as Headers | undefined) };
  const response = await within(ms, `headers of a stream from ${url}`, fetch(url, { ...init, headers, signal: abort.signal }));
  if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
    throw new Error(`no stream: ${response.status} ${(await response.text()).slice(0, 500)}`);
  }
  const events = new Inbox<SseEvent>();
  const comments: string[] = [];
  const parser = new SseParser(
    (event) => events.push(event),
    (text) => comments.push(text),
  );
  const ended = (async () => {
    try {
      for await (const chunk of response.body!) parser.push(chunk);
    } catch {
      // Dropped by us or broken by the peer: either way it is over.
    }
    events.close('the stream ended');
  })();
  const drop = async () => {
    abort.abort();
    await ended;
  };
  return {
    status: response.status,
    headers: response.headers,
    events,
    comments,
    ended,
    messages: () => events.items.map(parsed),
    message: async (what, test, deadline) => parsed(await events.next(what, (event) => test(parsed(event)), deadline)),
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

/** POSTs a request and leaves the stream of its answer open. */
export function openCall(url: string, body: unknown, headers: Headers = {}): Promise<OpenStream> {
  return openStream(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
}

export interface Hello {
  readonly session: string;
  readonly revision: string;
  readonly result: Readonly<Record<string, unknown>>;
  /** To be sent with everything that follows. */
  readonly headers: Headers;
}

/** initialize and notifications/initialized. Capabilities: sampling, elicitation, roots. */
export async function hello(url: string, revision = '2025-11-25', headers: Headers = {}): Promise<Hello> {
  const params = {
    protocolVersion: revision,
    capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } },
    clientInfo: { name: 'by-hand', version: '1.0.0' },
  };
  const opened = await post(url, { jsonrpc: '2.0', id: 'hello', method: 'initialize', params }, headers);
  const session = opened.headers.get('mcp-session-id');
  const result = opened.messages.find(({ id }) => id === 'hello')?.result;
  if (opened.status !== 200 || session === null || result === undefined) {
    throw new Error(`initialize failed: ${opened.status} ${opened.text.slice(0, 1_000)}`);
  }
  const ours = {
    ...headers,
    'mcp-session-id': session,
    ...(revision < '2025-06-18' ? {} : { 'mcp-protocol-version': String(result['protocolVersion']) }),
  };
  const initialized = await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, ours);
  if (initialized.status !== 202) throw new Error(`initialized failed: ${initialized.status} ${initialized.text.slice(0, 1_000)}`);
  return { session, revision: String(result['protocolVersion']), result, headers: ours };
}

/** A tools/call message. */
export function toolCall(
  id: unknown,
  name: string,
  args: Readonly<Record<string, unknown>> = {},
  meta?: Readonly<Record<string, unknown>>,
): Message {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) } };
}

/** The text of a tool's result. */
export function textOf(message: Message | undefined): string | undefined {
  const content = message?.result?.['content'] as readonly { readonly text?: string }[] | undefined;
  return content?.[0]?.text;
}
