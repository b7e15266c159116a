/**
 * Owns one conversation of a plain client with an MCP endpoint over Streamable HTTP: opened, asked, ended. What comes back
 * is told as it was seen; whether to ask again is the caller's to say.
 * Invariants: what is given up is cancelled; nothing of it keeps the process after `close`.
 */
import type { IncomingMessage } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from '@causeway/runtime';
import { send, why } from '../http-question.ts';
import { VERSION } from '../version.ts';
import { messagesOf, outcomeOf, type Message, type Outcome, type RefusalData } from './message.ts';
import { refusalOf } from './refusal.ts';

const REVISION = '2025-11-25';
/** Milliseconds for one exchange; the first may have to wait for a download; a farewell is not worth more than a moment. */
const WAIT = 30_000;
const FIRST_WAIT = 180_000;
const FAREWELL = 3_000;
/** Milliseconds between two attempts to open. */
const PAUSE = 250;
const LATER: ReadonlySet<number> = new Set([429, 502, 503, 504]);

type Headers = Readonly<Record<string, string>>;

export interface Endpoint {
  readonly url: string;
  /** They go with every request. */
  readonly headers: Headers;
}

export interface Opening {
  /** By which the server knows the client. */
  readonly name: string;
  /** Milliseconds for which a refusal is taken for a moment's. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
}

/** What was said besides: `by` whom the balancer says it was served, `status` 0 where nobody answered. */
export type Attempt = Outcome & { readonly by?: string | undefined; readonly status?: number; readonly data?: RefusalData };

export class McpClient {
  readonly #url: URL;
  readonly #agent: InstanceType<typeof Agent>;
  #headers: Headers;
  #session: string | undefined;
  #server: Readonly<Record<string, unknown>> = {};
  #next = 1;

  private constructor({ url, headers }: Endpoint) {
    this.#url = new URL(url);
    this.#headers = headers;
    this.#agent = new (this.#url.protocol === 'https:' ? TlsAgent : Agent)({ keepAlive: true });
  }

  /** Rejects with a `Failure`. */
  static async open(endpoint: Endpoint, { name, patience = 0, signal = AbortSignal.timeout(FIRST_WAIT) }: Opening): Promise<McpClient> {
    const client = new McpClient(endpoint);
    try {
      await client.#open(name, performance.now() + patience, signal);
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** Absent where the server keeps none. */
  get session(): string | undefined {
    return this.#session;
  }

  /** What the server said of itself. */
  get server(): Readonly<Record<string, unknown>> {
    return this.#server;
  }

  async ask(method: string, params: Readonly<Record<string, unknown>>, signal = AbortSignal.timeout(WAIT)): Promise<Attempt> {
    const id = this.#next++;
    const attempt = await this.#ask({ jsonrpc: '2.0', id, method, params }, id, signal);
    if (attempt.kind === 'cut' && signal.aborted)
      await this.#tell('notifications/cancelled', { requestId: id }, AbortSignal.timeout(FAREWELL)).catch(() => undefined);
    return attempt;
  }

  /** Ends the session, where there is one. */
  async close(): Promise<void> {
    if (this.#headers['mcp-session-id'] !== undefined)
      await this.#send('DELETE', undefined, AbortSignal.timeout(FAREWELL)).then(discard, () => undefined);
    this.#agent.destroy();
  }

  async #open(name: string, end: number, signal: AbortSignal): Promise<void> {
    const params = { protocolVersion: REVISION, capabilities: {}, clientInfo: { name, version: VERSION } };
    const request = { jsonrpc: '2.0', id: 0, method: 'initialize', params };
    let opened = await this.#ask(request, 0, signal);
    for (; LATER.has(opened.status ?? 0) && performance.now() < end; await sleep(PAUSE)) opened = await this.#ask(request, 0, signal);
    if (opened.kind !== 'answered') throw refusalOf(opened, this.#url.href);
    this.#server = opened.result;
    const { protocolVersion: revision } = opened.result;
    this.#headers = { ...this.#headers, 'mcp-protocol-version': typeof revision === 'string' ? revision : REVISION };
    if (this.#session !== undefined) this.#headers = { ...this.#headers, 'mcp-session-id': this.#session };
    await this.#tell('notifications/initialized', undefined, signal).catch((error: unknown) => {
      throw refusalOf({ kind: 'cut', text: why(error) }, this.#url.href);
    });
  }

  async #ask(request: unknown, id: number, signal: AbortSignal): Promise<Attempt> {
    let by: string | undefined;
    try {
      const response = await this.#send('POST', request, signal);
      const { statusCode: status = 0, headers } = response;
      by = headers['x-served-by']?.toString();
      if (id === 0) this.#session = headers['mcp-session-id']?.toString();
      const message = await this.#reply(response, id);
      const data = message?.error?.data;
      return { ...outcomeOf(message, status), by, status, ...(data === undefined ? {} : { data }) };
    } catch (error) {
      return { kind: 'cut', text: signal.aborted ? 'no answer in time' : why(error), by, status: 0 };
    }
  }

  /** The answer to `id`; refusals before anything was read have none. What the server asks meanwhile is answered. */
  async #reply(response: IncomingMessage, id: number): Promise<Message | undefined> {
    let refusal: Message | undefined;
    for await (const message of messagesOf(response)) {
      if (message.method !== undefined) void this.#respond(message);
      else if (message.id === id) return message;
      else if (message.error !== undefined) refusal ??= message;
    }
    return refusal;
  }

  /** This client has declared nothing that it could be asked for. */
  async #respond({ id, method }: Message): Promise<void> {
    if (id === undefined) return;
    const answer = method === 'ping' ? { result: {} } : { error: { code: -32601, message: 'Method not found' } };
    await this.#send('POST', { jsonrpc: '2.0', id, ...answer }, AbortSignal.timeout(WAIT)).then(discard, () => undefined);
  }

  async #tell(method: string, params: unknown, signal: AbortSignal): Promise<void> {
    discard(await this.#send('POST', { jsonrpc: '2.0', method, params }, signal));
  }

  #send(method: 'POST' | 'DELETE', body: unknown, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...this.#headers };
    const common = { method, headers, signal, agent: this.#agent };
    return send(this.#url, body === undefined ? common : { ...common, body: JSON.stringify(body) });
  }
}

function discard(response: IncomingMessage): void {
  response.on('error', () => undefined).resume();
}
