/**
 * What becomes of a body that is refused while its client still sends it: the client sees the refusal, whatever it
 * does about the rest, and whether or not it asked for the connection to be closed.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { rawBytes } from '../harness/raw.ts';
import { within } from '../harness/within.ts';

const MIB = 1024 * 1024;
const HEAD =
  'POST /servers/hostile/mcp HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\n';

describe('refused bodies', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;

  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { hostile: hostile() }, args: ['--no-probe'] }));
  });
  after(() => stack.disposeAsync());

  async function sendAll(socket: Socket, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += 64 * 1024) {
      if (!socket.write(bytes.subarray(at, at + 64 * 1024))) await once(socket, 'drain');
    }
  }

  for (const [what, type, status] of [
    ['too large', 'application/json', 413],
    ['of another type', 'text/plain', 415],
  ] as const) {
    it(`one that is ${what} is refused before it is there, and its client is not cut off`, async () => {
      const socket = connect(bridge.port, '127.0.0.1');
      const seen = once(socket, 'data') as Promise<[Buffer]>;
      const ended = once(socket, 'end');
      socket.write(`${HEAD}Content-Type: ${type}\r\nContent-Length: ${8 * MIB}\r\n\r\n`);
      const [answer] = await within(5_000, 'the refusal', seen);
      assert.match(answer.toString('latin1'), new RegExp(`^HTTP/1.1 ${status} `));
      await sendAll(socket, Buffer.alloc(8 * MIB, 0x20));
      await within(5_000, 'the end of the connection', ended);
      socket.destroy();
    });
  }

  it('a client that stops half-way is not kept', async () => {
    const answer = await rawBytes(bridge.port, Buffer.from(`${HEAD}Content-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhello`));
    assert.equal(answer.status, 415);
    const socket = connect(bridge.port, '127.0.0.1');
    const ended = once(socket.resume(), 'end');
    socket.write(`${HEAD}Content-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhello`);
    await within(5_000, 'the end of the connection', ended);
    socket.destroy();
  });
});
