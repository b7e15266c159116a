/**
 * Owns raw HTTP in tests: exact bytes out, and the answer as it came, without a client library that would
 * tidy either. One connection per exchange; nothing is reused.
 */
import { connect, type Socket } from 'node:net';
import { within } from './within.ts';

export interface RawAnswer {
  readonly status: number;
  /** Lower-cased names; repeated headers are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly text: string;
}

export interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  /** In this order, repeated as given. `Host` and the length are added when absent. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | Uint8Array;
  /** Milliseconds until the exchange fails. Default 10 s. */
  readonly deadline?: number;
}

export const POST_HEADERS: readonly (readonly [string, string])[] = [
  ['Content-Type', 'application/json'],
  ['Accept', 'application/json, text/event-stream'],
];

/** One request written by hand; resolves at the end of the answer. */
export function rawRequest(port: number, request: RawRequest): Promise<RawAnswer> {
  const { method = 'POST', path = '/mcp', headers = POST_HEADERS, body = '' } = request;
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body);
  const has = (name: string) => headers.some(([given]) => given.toLowerCase() === name);
  const head = [`${method} ${path} HTTP/1.1`];
  if (!has('host')) head.push(`Host: 127.0.0.1:${port}`);
  for (const [name, value] of headers) head.push(`${name}: ${value}`);
  if (bytes.length > 0 && !has('content-length') && !has('transfer-encoding')) head.push(`Content-Length: ${bytes.length}`);
  head.push('Connection: close', '', '');
  return rawBytes(port, Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), bytes]), request.deadline);
}

/** Any bytes at all; resolves at the end of the answer, rejects if the peer closes without one. */
export async function rawBytes(port: number, bytes: Uint8Array, deadline = 10_000): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1');
  try {
    return await within(deadline, 'an answer on a raw socket', answerOf(socket, bytes));
  } finally {
    socket.destroy();
  }
}

function answerOf(socket: Socket, bytes: Uint8Array): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const settle = () => {
      const answer = parse(Buffer.concat(parts));
      if (answer !== undefined) resolve(answer);
      return answer !== undefined;
    };
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (data) => {
      parts.push(data);
      settle();
    });
    // A server that refuses a large body may answer and reset: what arrived before still counts.
    socket.on('error', (error) => settle() || reject(error));
    socket.on(
      'close',
      () => settle() || reject(new Error(`closed without a whole answer: ${Buffer.concat(parts).toString('latin1').slice(0, 300)}`)),
    );
  });
}

/** `undefined` while the answer is incomplete. */
function parse(bytes: Buffer): RawAnswer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(first.split(' ')[1]);
  if (status < 200) return parse(bytes.subarray(end + 4));
  const headers = new Map<string, string>();
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    const value = line.slice(line.indexOf(':') + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  const rest = bytes.subarray(end + 4);
  const body = headers.get('transfer-encoding') === 'chunked' ? unchunk(rest) : exactly(rest, Number(headers.get('content-length') ?? 0));
  return body === undefined ? undefined : { status, headers, body, text: body.toString('utf8') };
}

const exactly = (bytes: Buffer, length: number) => (bytes.length < length ? undefined : bytes.subarray(0, length));

function unchunk(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    if (bytes.length < line + 2 + size + 2) return undefined;
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
