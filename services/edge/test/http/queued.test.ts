/** What becomes of answers that wait for others of their connection when that ends, whether or not Node sees to it. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, ServerResponse, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { Queued } from '../../src/http/queued.ts';

/** One on a connection whose end Node does not tell it. */
function untold(queued: Queued, socket: EventEmitter): { readonly res: ServerResponse; closed: number } {
  const res = new ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1, socket } as unknown as IncomingMessage);
  const one = { res, closed: 0 };
  queued.watch(res);
  res.on('close', () => (one.closed += 1));
  return one;
}

test('whoever waits for its turn on a connection that ends is told once', () => {
  const queued = new Queued();
  const socket = new EventEmitter();
  const waiting = Array.from({ length: 20 }, () => untold(queued, socket));
  const [over, served, told] = [waiting[0]!, waiting[1]!, waiting[2]!];
  over.res.emit('close');
  served.res.assignSocket(Object.assign(new EventEmitter(), { writable: true, cork: () => undefined }) as unknown as Socket);
  told.res.destroy();
  assert.equal(socket.listenerCount('close'), 1, 'many of one connection listen to it once');
  socket.emit('close');
  assert.deepEqual([over.closed, served.closed, told.closed], [1, 0, 0], 'who is over, or has its turn, is told by Node');
  assert.ok(waiting.slice(3).every(({ res, closed }) => res.destroyed && closed === 1));
});

test('over a real socket each is told once', async () => {
  const queued = new Queued();
  const closed: (string | undefined)[] = [];
  await using server = createServer((req, res) => {
    queued.watch(res);
    res.on('close', () => closed.push(req.url));
    if (req.url === '/3') client.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ended = once(server, 'connection').then(([socket]: Socket[]) => once(socket!, 'close'));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write(['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).join(''));
  await ended;
  await new Promise(setImmediate);
  assert.equal(closed.length, 3);
  assert.deepEqual(new Set(closed), new Set(['/1', '/2', '/3']));
});
