/**
 * Owns one session of a plain client of Streamable HTTP: opened, called, ended. What comes back is told as it was seen;
 * whether to ask again is the caller's to say.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, Failure } from '../failure.ts';

const REVISION = '2025-11-25';
/** Milliseconds for one exchange; the first may have to wait for a download. */
const WAIT = 30_000;
const FIRST_WAIT = 180_000;
/** Milliseconds for which a refusal of a session is taken for a moment's, and between two attempts. */
const PATIENCE = 15_000;
const PAUSE = 250;
const LATER: ReadonlySet<number> = new Set([429, 502, 503, 504]);

type Headers = Readonly<Record<string, string>>;

interface Message {
  readonly id?: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: {
    readonly message?: string;
    readonly data?: { readonly source?: string; readonly executed?: string; readonly retryable?: boolean };
  };
}

/** What one attempt brought. */
export type Outcome =
  | { readonly kind: 'answered'; readonly result: Readonly<Record<string, unknown>> }
  /** The server's own error, or one that asking again cannot mend. */
  | { readonly kind: 'failed'; readonly text: string }
  /** Causeway says that it was not executed. */
  | { readonly kind: 'refused'; readonly text: string }
  /** Causeway says that nobody knows whether it was executed. */
  | { readonly kind: 'unknown'; readonly text: string }
  /** The connection broke, or the balancer had nobody to ask. */
  | { readonly kind: 'cut'; readonly text: string };

/** `by`: who the balancer says has served it. */
export type Attempt = Outcome & { readonly by: string | undefined };

export class DemoClient {
  readonly session: string;
  readonly #url: string;
  readonly #key: Headers;
  #next = 1;

  private constructor(url: string, session: string, key: Headers) {
    this.#url = url;
    this.session = session;
    this.#key = key;
  }

  /** `apiKey` goes with every request. Rejects with a `Failure` when no session can be had. */
  static async open(url: string, apiKey?: string): Promise<DemoClient> {
    const key: Headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    const params = { protocolVersion: REVISION, capabilities: {}, clientInfo: { name: 'causeway-demo', version: '1' } };
    const body = { jsonrpc: '2.0', id: 0, method: 'initialize', params };
    let [opened, text] = await initialize(url, body, key);
    for (const end = performance.now() + PATIENCE; LATER.has(opened.status) && performance.now() < end; await sleep(PAUSE))
      [opened, text] = await initialize(url, body, key);
    const session = opened.headers.get('mcp-session-id');
    if (session === null) {
      const told = find(text, 0)?.error?.message ?? `status ${opened.status}`;
      throw refusedBy(opened.status, `${url} opens no session: ${told}`);
    }
    const client = new DemoClient(url, session, key);
    await (await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, client.#headers, WAIT)).arrayBuffer();
    return client;
  }

  async ask(method: string, params: Readonly<Record<string, unknown>>): Promise<Attempt> {
    const id = this.#next++;
    let by: string | undefined;
    try {
      const response = await post(this.#url, { jsonrpc: '2.0', id, method, params }, this.#headers, WAIT);
      by = response.headers.get('x-served-by') ?? undefined;
      const message = find(await response.text(), id);
      return { ...outcomeOf(message, response.status), by };
    } catch (error) {
      return { kind: 'cut', text: why(error), by };
    }
  }

  async close(): Promise<void> {
    await fetch(this.#url, { method: 'DELETE', headers: this.#headers, signal: AbortSignal.timeout(WAIT) }).catch(() => undefined);
  }

  get #headers(): Headers {
    return { ...this.#key, 'mcp-session-id': this.session, 'mcp-protocol-version': REVISION };
  }
}

function refusedBy(status: number, text: string): Failure {
  if (status === 401) return new Failure(EXIT.auth, text, ['give a key that its clients have: --api-key KEY']);
  if (status === 403) return new Failure(EXIT.auth, text);
  return new Failure(status < 500 ? EXIT.usage : EXIT.unreachable, text);
}

async function initialize(url: string, body: unknown, key: Headers): Promise<readonly [Response, string]> {
  try {
    const opened = await post(url, body, key, FIRST_WAIT);
    return [opened, await opened.text().catch((error: unknown) => why(error))];
  } catch (error) {
    throw new Failure(EXIT.unreachable, `${url} does not answer: ${why(error)}`);
  }
}

export function outcomeOf(message: Message | undefined, status: number): Outcome {
  if (message?.result !== undefined) return { kind: 'answered', result: message.result };
  const { error } = message ?? {};
  const text = error?.message ?? `status ${status}`;
  if (error?.data?.source === 'causeway' && error.data.retryable === true)
    return { kind: error.data.executed === 'no' ? 'refused' : 'unknown', text };
  // What is no message is the balancer's: it found no edge, or lost the one that it had asked.
  if (error === undefined && status >= 500) return { kind: 'cut', text };
  return { kind: 'failed', text };
}

function post(url: string, body: unknown, headers: Headers, wait: number): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(wait),
  });
}

/** The answer to `id` in a body of JSON or of events; refusals before anything was read have no id. */
function find(text: string, id: number): Message | undefined {
  const parts = text.startsWith('{') ? [text] : [...text.matchAll(/^data: ?(\{.*)$/gm)].map(([, data]) => data!);
  const messages = parts.flatMap((part): Message[] => {
    try {
      return [JSON.parse(part) as Message];
    } catch {
      return [];
    }
  });
  return messages.find((message) => message.id === id) ?? messages.find(({ error }) => error !== undefined);
}

function why(error: unknown): string {
  const { cause, message } = error as Error & { readonly cause?: { readonly code?: string; readonly message?: string } };
  return cause?.code ?? cause?.message ?? message;
}
