/** Over a real socket: what one chunk of the response holds, in which order events come, and when credit is given back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { createWheel, fakeTime, systemClock, type Clock, type Wheel } from '@causeway/runtime';
import { EventStream } from '../../src/http/event-stream.ts';

const event = (data: string, id?: string): string => `event: message\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;

interface Opened extends AsyncDisposable {
  readonly events: EventStream;
  readonly taken: number[];
  readonly socket: Socket;
  /** The client's connection is gone. */
  readonly left: Promise<unknown>;
  /** The chunks of the whole response, once it has ended. */
  chunks(): Promise<string[]>;
}

const HEARTBEAT = 60_000;

async function open(
  { clock, wheel }: { clock: Clock; wheel: Wheel } = { clock: systemClock, wheel: createWheel() },
  agent = 'any',
): Promise<Opened> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (part: Buffer) => received.push(part));
  const ended = once(socket, 'end');
  socket.write(`GET / HTTP/1.1\r\nhost: x\r\nuser-agent: ${agent}\r\nconnection: close\r\n\r\n`);
  const [, res] = (await once(server, 'request')) as [unknown, ServerResponse];
  const taken: number[] = [];
  const events = new EventStream(res, {
    ...{ clock, wheel, untaken: new Set<ServerResponse>(), heartbeat: HEARTBEAT },
    taken: (seq) => taken.push(seq),
    headers: { connection: 'close' },
  });
  return {
    events,
    taken,
    socket,
    left: once(res, 'close'),
    chunks: async () => {
      await ended;
      const whole = Buffer.concat(received).toString('latin1');
      return chunksOf(whole.slice(whole.indexOf('\r\n\r\n') + 4));
    },
    [Symbol.asyncDispose]: async () => {
      socket.destroy();
      res.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function chunksOf(body: string): string[] {
  const chunks: string[] = [];
  for (let rest = body; ;) {
    const line = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, line), 16);
    if (size === 0) return chunks;
    chunks.push(rest.slice(line + 2, line + 2 + size));
    rest = rest.slice(line + 4 + size);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('the Java SDK is not told when to come back, for it would not read on', async () => {
  await using stream = await open(undefined, 'Java-http-client/21.0.4');
  stream.events.priming('s.0', 500);
  stream.events.message(Buffer.from('1'), { last: true });
  assert.deepEqual(await stream.chunks(), [`id: s.0\ndata: \n\n${event('1')}`]);
});

test('the events of one turn are one chunk, those of the next another, and the last ends the stream', async () => {
  await using stream = await open();
  const { events } = stream;
  events.priming('s.0', 500);
  for (const nth of [1, 2, 3]) events.message(Buffer.from(`{"n":${nth}}`), { id: `s.${nth}`, seq: nth });
  await turn();
  events.message(Buffer.from('{"n":4}'), { seq: 4 });
  events.message(Buffer.from('{"ä":5}'), { last: true });
  events.message(Buffer.from('{"n":6}'));
  const latin1 = Buffer.from('{"ä":5}').toString('latin1');
  assert.deepEqual(await stream.chunks(), [
    `id: s.0\nretry: 500\ndata: \n\n${event('{"n":1}', 's.1')}${event('{"n":2}', 's.2')}${event('{"n":3}', 's.3')}`,
    event('{"n":4}') + event(latin1),
  ]);
});

test('what is large does not wait for its turn to end, and is cut', async () => {
  await using stream = await open();
  const { events } = stream;
  const large = 'x'.repeat(1_300_000);
  events.message(Buffer.from('"small"'), { seq: 1 });
  events.message(Buffer.from(large), { seq: 2 });
  events.message(Buffer.from('"after"'), { last: true });
  const chunks = await stream.chunks();
  assert.ok(chunks.length >= 3 && chunks.every(({ length }) => length <= 512 * 1024));
  assert.equal(chunks.join(''), event('"small"') + event(large) + event('"after"'));
});

test('an end, and a word to come back, take along what was added in their turn', async () => {
  for (const finish of [(events: EventStream) => events.end(), (events: EventStream) => events.dismiss(1_500)]) {
    await using stream = await open();
    stream.events.message(Buffer.from('1'));
    finish(stream.events);
    assert.match((await stream.chunks()).join(''), /^event: message\ndata: 1\n\n(retry: 1500\n\n)?$/);
  }
});

test('credit is given back for what was written, for sixteen events at once or more', async () => {
  await using stream = await open();
  const { events, taken } = stream;
  for (let seq = 1; seq <= 20; seq += 1) events.message(Buffer.from('1'), { seq });
  assert.deepEqual(taken, []);
  await turn();
  assert.deepEqual(taken, [20]);
  for (let seq = 21; seq <= 35; seq += 1) events.message(Buffer.from('1'), { seq });
  await turn();
  assert.deepEqual(taken, [20]);
  events.message(Buffer.from('1'), { seq: 36 });
  await turn();
  assert.deepEqual(taken, [20, 36]);
});

test('nothing is written, and no credit given, to a client that has left', async () => {
  await using stream = await open();
  const { events, taken, socket } = stream;
  events.begin();
  await once(socket, 'data');
  socket.destroy();
  await stream.left;
  for (let seq = 1; seq <= 40; seq += 1) events.message(Buffer.from('1'), { seq });
  await turn();
  assert.deepEqual(taken, []);
});

test('a stream is silent for no longer than its heartbeat, whenever something was written before', async () => {
  const time = fakeTime();
  await using stream = await open(time);
  const { events } = stream;
  const armed = time.wheel.size;
  // Milliseconds after the one before.
  for (const after of [1_000, HEARTBEAT - 2_000, 10]) {
    time.advance(after);
    events.message(Buffer.from('1'));
    await turn();
  }
  assert.equal(time.wheel.size, armed, 'writing arms nothing');
  time.advance(HEARTBEAT - 1);
  await turn();
  events.message(Buffer.from('2'));
  await turn();
  time.advance(HEARTBEAT - 1);
  await turn();
  time.advance(1);
  await turn();
  time.advance(HEARTBEAT);
  assert.equal(time.wheel.size, armed);
  events.end();
  const comment = ': keepalive\n';
  assert.deepEqual(await stream.chunks(), [event('1'), event('1'), event('1'), event('2'), comment, comment]);
  assert.equal(time.wheel.size, armed - 1);
});

test('no comment is added to what a client has not taken yet', async () => {
  const time = fakeTime();
  await using stream = await open(time);
  const { events, socket } = stream;
  socket.pause();
  for (let nth = 0; nth < 8; nth += 1) events.message(Buffer.alloc(4 * 1024 * 1024, 'x'));
  await turn();
  time.advance(5 * HEARTBEAT);
  events.end();
  socket.resume();
  assert.doesNotMatch((await stream.chunks()).join(''), /keepalive/);
});
