import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Bodies } from '../../src/http/body.ts';

const LIMIT = 10;

/** What a server with the limit makes of a body that is sent in these pieces, each once the one before has arrived. */
async function sent(pieces: readonly string[], headers: Record<string, string> = {}): Promise<string> {
  const arrived = new EventTarget();
  await using server = createServer((req, res) => {
    new Bodies({ limit: LIMIT, most: 10_000 }).read(req, {
      take: (body) => res.end(`body ${body.toString()}`),
      refuse: (error) => res.end(error.reason),
    });
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
  assert.equal(await sent(['0123', '456789'], { 'content-length': '10' }), 'body 0123456789');
});

test('a larger one is refused: by its length before a byte has come, or with the byte that is too many', async () => {
  assert.equal(await sent([], { 'content-length': '11' }), 'request.too_large');
  assert.equal(await sent(['01234', '567890']), 'request.too_large');
  assert.equal(await sent(['0123456789', '0']), 'request.too_large');
});

test('whoever is refused in the middle of a body is known by its beginning', () => {
  for (const pieces of [['{"id":7,"', 'params":{}}'], ['{"id":7,"params":{}}']]) {
    const req = Object.assign(new EventEmitter(), { headers: {} }) as unknown as IncomingMessage;
    let known: string | undefined;
    new Bodies({ limit: LIMIT, most: 10_000 }).read(req, {
      take: () => assert.fail(),
      refuse: (_, beginning) => (known = beginning?.toString()),
    });
    for (const piece of pieces) req.emit('data', Buffer.from(piece));
    assert.equal(known, pieces[0]);
  }
});

test('one that comes in pieces of a byte takes the room of its bytes, not of its pieces', () => {
  const pieces = 200_000;
  const req = Object.assign(new EventEmitter(), { headers: {} }) as unknown as IncomingMessage;
  let whole: Buffer | undefined;
  new Bodies({ limit: pieces, most: 10 * pieces }).read(req, { take: (body) => (whole = body), refuse: assert.fail });
  const before = held();
  for (let n = 0; n < pieces; n++) req.emit('data', Buffer.alloc(1, n));
  const more = held() - before;
  assert.ok(more < 8 * pieces, `${more} bytes are held for ${pieces}`);
  req.emit('end');
  assert.deepEqual(whole, Buffer.from(Uint8Array.from({ length: pieces }, (_, n) => n)));
});

/** Bytes that are still referred to. */
function held(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test('large and small pieces stay in their order', () => {
  const req = Object.assign(new EventEmitter(), { headers: {} }) as unknown as IncomingMessage;
  const sizes = [1, 5000, 40_000, 2, 3, 32_768, 32_767, 9, 70_000, 1];
  const pieces = sizes.map((size, n) => Buffer.alloc(size, n + 1));
  let whole: Buffer | undefined;
  new Bodies({ limit: 1e6, most: 1e6 }).read(req, { take: (body) => (whole = body), refuse: assert.fail });
  for (const piece of pieces) req.emit('data', piece);
  req.emit('end');
  assert.deepEqual(whole, Buffer.concat(pieces));
});

test('what is held of all that have not come whole is bounded: the one that began first is refused for the others', () => {
  const bodies = new Bodies({ limit: 8192, most: 10_000 });
  const told: string[] = [];
  const begin = (name: string): EventEmitter => {
    const req = Object.assign(new EventEmitter(), { headers: { 'content-length': '8' } });
    bodies.read(req as unknown as IncomingMessage, {
      take: (body) => told.push(`${name} ${body.toString()}`),
      refuse: (error) => told.push(`${name} ${error.reason}`),
    });
    return req;
  };
  const [first, second, third] = [begin('first'), begin('second'), begin('third')];
  first.emit('data', Buffer.from('abcd'));
  second.emit('data', Buffer.from('efgh'));
  assert.deepEqual(told, []);
  third.emit('data', Buffer.from('ijkl'));
  assert.deepEqual(told, ['first request.timeout']);
  first.emit('data', Buffer.from('mnop'));
  first.emit('end');
  second.emit('close');
  third.emit('data', Buffer.from('qrst'));
  third.emit('end');
  assert.deepEqual(told, ['first request.timeout', 'third ijklqrst']);
  const [one, other, whole] = [begin('one'), begin('other'), begin('whole')];
  one.emit('data', Buffer.from('uvwx'));
  other.emit('data', Buffer.from('1234'));
  whole.emit('data', Buffer.from('01234567'));
  whole.emit('end');
  for (const [name, req] of Object.entries({ one, other })) req.emit('data', Buffer.from(name));
  assert.deepEqual(told.slice(2), ['whole 01234567']);
});
