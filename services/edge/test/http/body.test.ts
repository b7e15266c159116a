import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { readBody } from '../../src/http/body.ts';

const LIMIT = 10;

/** What a server with the limit makes of a body that is sent in these pieces, each once the one before has arrived. */
async function sent(pieces: readonly string[], headers: Record<string, string> = {}): Promise<string> {
  const arrived = new EventTarget();
  await using server = createServer((req, res) => {
    readBody(req, LIMIT, { take: (body) => res.end(`body ${body.toString()}`), refuse: (error) => res.end(error.reason) });
    req.on('data', () => arrived.dispatchEvent(new Event('piece')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = request({ port, host: '127.0.0.1', method: 'POST', headers });
  client.on('error', () => undefined);
  const answer = once(client, 'response') as Promise<[IncomingMessage]>;
  client.flushHeaders();
  for (const piece of pieces) {
    const taken = once(arrived, 'piece');
    client.write(piece);
    await taken;
  }
  const declared = headers['content-length'];
  if (declared === undefined || pieces.join('').length === Number(declared)) client.end();
  const [response] = await answer;
  const told = await text(response);
  client.destroy();
  return told;
}

test('a body is handed over whole, in however many pieces it comes', async () => {
  assert.equal(await sent([]), 'body ');
  assert.equal(await sent(['one']), 'body one');
  assert.equal(await sent(['one', 'two', 'four']), 'body onetwofour');
  assert.equal(await sent(['0123456789']), 'body 0123456789');
});

test('a larger one is refused: by its length before a byte has come, or with the byte that is too many', async () => {
  assert.equal(await sent([], { 'content-length': '11' }), 'request.too_large');
  assert.equal(await sent(['01234', '567890']), 'request.too_large');
});
