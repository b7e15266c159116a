/**
 * Owns the three ways in which the load client talks MCP: Streamable HTTP, HTTP+SSE of 2024-11-05, and straight
 * to the child's stdio as the yardstick. One call at a time for each session; every answer is checked for its id.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Connection } from './connection.ts';

export interface BenchSession {
  /** Calls a tool and resolves with all bytes that came in answer. */
  call(tool: string, input: object): Promise<Buffer>;
  close(): Promise<void>;
}

/** How a target is reached. */
export type Route =
  | { readonly kind: 'streamable' | 'sse'; readonly url: string }
  | { readonly kind: 'stdio'; readonly command: readonly string[] };

export function openSession(route: Route): Promise<BenchSession> {
  if (route.kind === 'stdio') return openStdio(route.command);
  return route.kind === 'sse' ? openSse(new URL(route.url)) : openStreamable(new URL(route.url));
}

const REVISION = { streamable: '2025-06-18', sse: '2024-11-05' } as const;

const initialize = (protocolVersion: string): object => ({
  protocolVersion,
  capabilities: {},
  clientInfo: { name: 'causeway-bench', version: '1.0.0' },
});
const request = (id: number, method: string, params: object): string => JSON.stringify({ jsonrpc: '2.0', id, method, params });
const toolCall = (id: number, name: string, input: object): string =>
  request(id, 'tools/call', { name, arguments: input, _meta: { progressToken: id } });
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

function check(body: Buffer, id: number, place: string): Buffer {
  if (!body.includes(`"id":${id}`) || !body.includes('"result"')) {
    throw new Error(`no answer to call ${id} (${place}): ${body.toString('utf8', 0, 300)}`);
  }
  return body;
}

function post(url: URL, headers: string): (body: string) => string {
  const head = `POST ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n${headers}`;
  return (body) => `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** One connection, opened again where the server closes it after an answer. */
class Line {
  readonly #url: URL;
  #connection: Connection | undefined;
  constructor(url: URL) {
    this.#url = url;
  }
  async ready(): Promise<Connection> {
    if (!this.#connection?.usable) this.#connection = await Connection.open(this.#url.hostname, Number(this.#url.port));
    return this.#connection;
  }
  close(): void {
    this.#connection?.close();
  }
}

async function openStreamable(url: URL): Promise<BenchSession> {
  const line = new Line(url);
  const opened = await (await line.ready()).exchange(post(url, '')(request(0, 'initialize', initialize(REVISION.streamable))));
  const session = /\r\nmcp-session-id: *([^\r]+)/i.exec(opened.head)?.[1];
  if (opened.status !== 200 || session === undefined) throw new Error(`initialize: ${opened.head}${opened.body.toString()}`);
  const headers = `Mcp-Session-Id: ${session}\r\nMcp-Protocol-Version: ${REVISION.streamable}\r\n`;
  const render = post(url, headers);
  const noted = await (await line.ready()).exchange(render(INITIALIZED));
  if (noted.status !== 202) throw new Error(`initialized: ${noted.head}`);
  let id = 0;
  return {
    async call(tool, input) {
      id += 1;
      const { body } = await (await line.ready()).exchange(render(toolCall(id, tool, input)));
      return check(body, id, url.href);
    },
    async close() {
      await (await line.ready()).exchange(`DELETE ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n${headers}\r\n`);
      line.close();
    },
  };
}

async function openSse(url: URL): Promise<BenchSession> {
  const downstream = await Connection.open(url.hostname, Number(url.port));
  let parts: Buffer[] = [];
  let listener: ((events: Buffer) => void) | undefined;
  let early: Buffer | undefined;
  const head = await downstream.stream(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nAccept: text/event-stream\r\n\r\n`, (part) => {
    parts.push(part);
    // An event ends in an empty line; until the bytes do, the rest is on its way.
    if (part.at(-1) !== 0x0a) return;
    const events = Buffer.concat(parts);
    if (!/\n\r?\n$/.test(events.toString('latin1', -3))) return;
    parts = [];
    if (listener) listener(events);
    else early ??= events;
  });
  if (!head.startsWith('HTTP/1.1 200')) throw new Error(`GET ${url.href}: ${head}`);

  // Some bridges tell every client what they tell one: only what bears our id ends a wait.
  const answer = (mark: string): Promise<Buffer> =>
    new Promise((resolve) => {
      const seen: Buffer[] = [];
      listener = (events) => {
        seen.push(events);
        if (!events.includes(mark)) return;
        listener = undefined;
        resolve(Buffer.concat(seen));
      };
      if (early) listener(early);
      early = undefined;
    });

  const endpoint = /data: *(\S+)/.exec((await answer('endpoint')).toString())?.[1];
  if (endpoint === undefined) throw new Error('no endpoint event');
  const target = new URL(endpoint, url);
  target.host = url.host;
  const line = new Line(target);
  const render = post(target, '');
  const send = async (id: number, body: string): Promise<Buffer> => {
    const [events] = await Promise.all([answer(`"id":${id}`), (await line.ready()).exchange(render(body))]);
    return check(events, id, url.href);
  };
  // All of one length, so that no id is the beginning of another.
  let id = (1_000_000 + Math.floor(Math.random() * 7_000_000)) * 1_000_000_000;
  await send(id, request(id, 'initialize', initialize(REVISION.sse)));
  await (await line.ready()).exchange(render(INITIALIZED));
  return {
    call(tool, input) {
      id += 1;
      return send(id, toolCall(id, tool, input));
    },
    close() {
      line.close();
      downstream.close();
      return Promise.resolve();
    },
  };
}

async function openStdio(command: readonly string[]): Promise<BenchSession> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  let parts: Buffer[] = [];
  let listener: ((lines: Buffer) => void) | undefined;
  child.stdout.on('data', (part: Buffer) => {
    parts.push(part);
    if (part.at(-1) !== 0x0a || !listener) return;
    const lines = Buffer.concat(parts);
    parts = [];
    listener(lines);
  });
  const send = (id: number, body: string): Promise<Buffer> =>
    new Promise((resolve) => {
      listener = (lines) => resolve(check(lines, id, 'stdio'));
      child.stdin.write(`${body}\n`);
    });
  await send(0, request(0, 'initialize', initialize(REVISION.streamable)));
  child.stdin.write(`${INITIALIZED}\n`);
  let id = 0;
  return {
    call(tool, input) {
      id += 1;
      return send(id, toolCall(id, tool, input));
    },
    async close() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
