/** The client of `call` and `demo` against endpoints that behave as such may: whatever they do, what comes back is what was said. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { EXIT, Failure } from '../../src/failure.ts';
import { McpClient } from '../../src/mcp/client.ts';

interface Heard {
  readonly verb: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly message: {
    readonly id?: unknown;
    readonly method?: string;
    readonly params?: unknown;
    readonly result?: unknown;
    readonly error?: unknown;
  };
}

type Answer = (heard: Heard, response: ServerResponse) => void;

/** An endpoint that opens with `opening`, and answers the rest as it is told. */
async function endpoint(answer: Answer, opening: Readonly<Record<string, unknown>> = {}, headers: Readonly<Record<string, string>> = {}) {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      const message = (text === '' ? {} : JSON.parse(text)) as Heard['message'];
      const one = { verb: request.method, headers: request.headers, message };
      heard.push(one);
      server.emit('heard');
      if (message.method === 'initialize')
        json(response, { id: message.id, result: { protocolVersion: '2025-11-25', capabilities: {}, ...opening } }, headers);
      else if (request.method === 'DELETE' || message.id === undefined || message.method === undefined) response.writeHead(202).end();
      else answer(one, response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    at: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, headers: { 'X-A': 'b' } },
    heard,
    server,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function json(response: ServerResponse, message: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response
    .writeHead(200, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ jsonrpc: '2.0', ...(message as object) }));
}

const event = (message: unknown): string => `event: message\r\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...(message as object) })}\r\n\r\n`;

describe('a conversation', () => {
  it('without a session sends none and ends nothing; what was agreed on goes with every request, as do the headers', async () => {
    using at = await endpoint(({ message }, response) => json(response, { id: message.id, result: { ok: 1 } }), {
      protocolVersion: '2025-03-26',
    });
    const client = await McpClient.open(at.at, { name: 'a' });
    assert.equal(client.session, undefined);
    assert.partialDeepStrictEqual(await client.ask('tools/list', {}), { kind: 'answered', result: { ok: 1 }, status: 200 });
    await client.close();
    assert.deepEqual(
      at.heard.map(({ verb, message, headers }) => [verb, message.method, headers['mcp-protocol-version'], headers['x-a']]),
      [
        ['POST', 'initialize', undefined, 'b'],
        ['POST', 'notifications/initialized', '2025-03-26', 'b'],
        ['POST', 'tools/list', '2025-03-26', 'b'],
      ],
    );
  });

  it('with a session names it, and ends it', async () => {
    using at = await endpoint(({ message }, response) => json(response, { id: message.id, result: {} }), {}, { 'mcp-session-id': 's1' });
    const client = await McpClient.open(at.at, { name: 'a' });
    await client.ask('ping', {});
    await client.close();
    assert.deepEqual(
      at.heard.map(({ verb, headers }) => [verb, headers['mcp-session-id']]),
      [
        ['POST', undefined],
        ['POST', 's1'],
        ['POST', 's1'],
        ['DELETE', 's1'],
      ],
    );
  });

  it('that is given up while it is opened leaves no session', async () => {
    const given = new AbortController();
    using at = await endpoint(() => undefined, {}, { 'mcp-session-id': 's1' });
    at.server.on('heard', () => at.heard.length === 2 && given.abort());
    await assert.rejects(McpClient.open(at.at, { name: 'a', signal: given.signal }), { exitCode: EXIT.unreachable });
    assert.deepEqual([at.heard.at(-1)!.verb, at.heard.at(-1)!.headers['mcp-session-id']], ['DELETE', 's1']);
  });

  it('that is refused says why, and for whom it is to be mended', async () => {
    const refusal = (status: number, error: object) =>
      createServer((request, response) =>
        request.resume().on('end', () => response.writeHead(status).end(JSON.stringify({ id: null, error }))),
      );
    const data = (reason: string, more: object = {}) => ({
      data: { source: 'causeway', reason, executed: 'no', retryable: true, ...more },
    });
    for (const [status, error, exitCode, hint] of [
      [401, { message: 'm' }, EXIT.auth, /--api-key KEY/],
      [403, { message: 'm' }, EXIT.auth, undefined],
      [404, { message: 'm', ...data('server.unknown', { nearest: 'git' }) }, EXIT.usage, /did you mean "git"\?/],
      [404, { message: 'm' }, EXIT.usage, undefined],
      [429, { message: 'm', ...data('limit.identity') }, EXIT.limit, undefined],
      [503, { message: 'm', ...data('limit.total') }, EXIT.limit, undefined],
      [503, { message: 'm', ...data('cluster.no_worker') }, EXIT.unreachable, undefined],
      [503, { message: 'm', ...data('server.start_failed', { stderr: ['no database'] }) }, EXIT.child, /^\| no database$/],
      [502, { message: 'm' }, EXIT.unreachable, undefined],
    ] as const) {
      const server = refusal(status, error).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
      try {
        await assert.rejects(McpClient.open({ url, headers: {} }, { name: 'a' }), (failure) => {
          assert.ok(failure instanceof Failure);
          assert.deepEqual([failure.exitCode, failure.message], [exitCode, `${url}: m`], String(status));
          if (hint === undefined) assert.deepEqual(failure.hints, []);
          else assert.match(failure.hints[0]!, hint);
          return true;
        });
      } finally {
        server.closeAllConnections();
        server.close();
      }
    }
  });
});

describe('an answer', () => {
  it('on a stream is found among what else is said there, in whatever pieces it comes; what is asked there is answered', async () => {
    using at = await endpoint(({ message }, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      const bytes = Buffer.from(
        [
          ': hello\n\n',
          event({ method: 'notifications/progress', params: {} }),
          event({ id: message.id, method: 'ping' }),
          event({ id: 'q', method: 'roots/list' }),
          event({ id: 99, result: { wrong: true } }),
          'data: no JSON\n\n',
          event({ id: message.id, result: { text: 'größer' } }),
        ].join(''),
      );
      const middle = bytes.indexOf(0xc3) + 1;
      response.write(bytes.subarray(0, middle));
      // Its stream is not ended with the answer.
      setImmediate(() => response.write(bytes.subarray(middle)));
    });
    const client = await McpClient.open(at.at, { name: 'a' });
    assert.partialDeepStrictEqual(await client.ask('tools/call', {}), { kind: 'answered', result: { text: 'größer' } });
    const answered = async (): Promise<unknown[]> => {
      const answers = at.heard.flatMap(({ message: { id, method, result, error } }) =>
        method === undefined ? [{ id, result, error }] : [],
      );
      if (answers.length === 2) return answers;
      await once(at.server, 'heard');
      return answered();
    };
    assert.deepEqual(await answered(), [
      { id: 1, result: {}, error: undefined },
      { id: 'q', result: undefined, error: { code: -32601, message: 'Method not found' } },
    ]);
    await client.close();
  });

  it('that breaks off, or never comes, is none', async () => {
    using at = await endpoint(({ message }, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event({ method: 'notifications/message' }), () => {
        if (message.params !== undefined && 'end' in (message.params as object)) response.end();
        else response.destroy();
      });
    });
    const client = await McpClient.open(at.at, { name: 'a' });
    assert.partialDeepStrictEqual(await client.ask('x', {}), { kind: 'cut', text: 'ECONNRESET', status: 0 });
    assert.partialDeepStrictEqual(await client.ask('x', { end: true }), { kind: 'failed', text: 'the answer ended without a reply' });
    await client.close();
  });

  it('that is not waited for any longer is cancelled by its id', async () => {
    const given = new AbortController();
    using at = await endpoint((_heard, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      given.abort();
    });
    const client = await McpClient.open(at.at, { name: 'a' });
    assert.partialDeepStrictEqual(await client.ask('tools/call', {}, given.signal), { kind: 'cut', text: 'no answer in time' });
    assert.deepEqual(at.heard.at(-1)!.message, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    await client.close();
  });
});
