/**
 * Owns the HTTP side of a simulated client: a response as the edge's handlers know it, and what was read from it. It
 * asserts that an answer begins once and ends once.
 */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  /** JSON messages, in their order. */
  readonly messages: readonly Message[];
}

export interface Message {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: { readonly data?: string };
  readonly result?: { readonly nonce?: string; readonly epoch?: number; readonly said?: boolean };
  readonly error?: { readonly data?: { readonly reason: string; readonly executed: 'no' | 'unknown'; readonly retryable: boolean } };
}

export class Response extends EventEmitter {
  headersSent = false;
  destroyed = false;
  writableEnded = false;
  readonly writableNeedDrain = false;
  readonly req = { complete: true, socket: {}, headers: {} };
  readonly #ended: (received: Received) => void;
  readonly #heard: (message: Message) => void;
  #status = 0;
  #headers: Received['headers'] = {};
  #body = '';
  /** Id of the last event that the client has. */
  last: string | undefined;

  /** `ended` is called once, with everything; `heard` with each message of a stream. */
  constructor(ended: (received: Received) => void, heard: (message: Message) => void) {
    super();
    this.#ended = ended;
    this.#heard = heard;
  }

  /** As the handlers take it. */
  get forEdge(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  get begun(): boolean {
    return this.headersSent;
  }

  writeHead(status: number, headers: Received['headers']): this {
    assert.ok(!this.headersSent, 'an answer begins once');
    this.headersSent = true;
    this.#status = status;
    this.#headers = headers;
    return this;
  }

  flushHeaders(): void {
    assert.ok(this.headersSent);
  }

  write(bytes: Buffer): boolean {
    assert.ok(!this.writableEnded, 'nothing follows the end of an answer');
    const text = bytes.toString();
    this.#body += text;
    const named = /^event: endpoint\ndata: .*[?]sessionId=(.+)$/m.exec(text)?.[1];
    if (named !== undefined) this.emit('endpoint', named);
    if (this.#headers['content-type'] !== 'text/event-stream' || this.destroyed) return true;
    for (const [, id] of text.matchAll(/^id: (.+)$/gm)) this.last = id;
    for (const message of messagesIn(text)) this.#heard(message);
    return true;
  }

  end(bytes?: Buffer): void {
    assert.ok(!this.writableEnded, 'an answer ends once');
    if (bytes !== undefined) this.write(bytes);
    this.writableEnded = true;
    if (!this.destroyed) this.#ended({ status: this.#status, headers: this.#headers, messages: this.#messages() });
    queueMicrotask(() => this.leave());
  }

  /** The client leaves, or has everything. */
  leave(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }

  #messages(): readonly Message[] {
    if (this.#headers['content-type'] === 'text/plain') return [];
    if (this.#headers['content-type'] !== 'text/event-stream') return this.#body === '' ? [] : [JSON.parse(this.#body) as Message];
    return messagesIn(this.#body);
  }
}

function messagesIn(text: string): readonly Message[] {
  const data = text.split('\n').filter((line) => line.startsWith('data: {'));
  return data.map((line) => JSON.parse(line.slice(6)) as Message);
}

export const requestWith = (headers: Readonly<Record<string, string>>, url: string): IncomingMessage =>
  ({ headers, url }) as unknown as IncomingMessage;
