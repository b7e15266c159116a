/**
 * Owns what every way of talking MCP to a target shares: what a session is to the load, how a request is rendered, how an
 * answer is checked, and a connection that is opened again where it was closed.
 */
import type { Socket } from 'node:net';
import { Connection } from './connection.ts';

/** What another process needs to call in the place of a session: connections that rest, and the call in bytes for each. */
export interface Lent {
  readonly doors: readonly { readonly socket: Socket; readonly call: string }[];
  /** Where the answers come, if not on the call's own connection. */
  readonly stream?: ReturnType<Connection['lendStream']>;
}

/** The id of a call whose bytes are lent, which the other process replaces. */
export const LENT_ID = 100_000_000;

export interface BenchSession {
  /** Calls a tool and resolves with all bytes that came in answer. */
  call(tool: string, input: object): Promise<Buffer>;
  /** Gives its connections away; whatever is done afterwards but closing it has none. */
  lend(tool: string, input: object): Promise<Lent>;
  /** Closes its connections; the session stays, and the next call connects again. */
  rest(): void;
  /** Calls a tool and vanishes without waiting and without a word. */
  drop(tool: string, input: object): Promise<void>;
  close(): Promise<void>;
}

/** How a target is reached. Where there are several URLs each call goes to the next. */
export type Route =
  | { readonly kind: 'streamable' | 'sse'; readonly urls: readonly string[] }
  | { readonly kind: 'stateless'; readonly urls: readonly string[]; readonly revision: '2025-06-18' | '2026-07-28' }
  | { readonly kind: 'stdio'; readonly command: readonly string[] };

export const REVISION = { streamable: '2025-06-18', sse: '2024-11-05' } as const;

export const initialize = (protocolVersion: string): object => ({
  protocolVersion,
  capabilities: {},
  clientInfo: { name: 'causeway-bench', version: '1.0.0' },
});
export const request = (id: number, method: string, params: object): string => JSON.stringify({ jsonrpc: '2.0', id, method, params });
export const toolCall = (id: number, name: string, input: object, meta: object = {}): string =>
  request(id, 'tools/call', { name, arguments: input, _meta: { ...meta, progressToken: id } });
export const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

export function check(body: Buffer, id: number, place: string): Buffer {
  if (!body.includes(`"id":${id}`) || !body.includes('"result"')) {
    throw new Error(`no answer to call ${id} (${place}): ${body.toString('utf8', 0, 300)}`);
  }
  return body;
}

export function post(url: URL, headers: string): (body: string) => string {
  const head = `POST ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n${headers}`;
  return (body) => `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** One connection, opened again where the server closes it after an answer. */
export class Line {
  readonly #url: URL;
  #connection: Connection | undefined;
  constructor(url: URL) {
    this.#url = url;
  }
  async ready(): Promise<Connection> {
    if (!this.#connection?.usable) this.#connection = await Connection.open(this.#url.hostname, Number(this.#url.port));
    return this.#connection;
  }
  /** Connects for the next exchange again. */
  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
}
