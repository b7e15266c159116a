import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { boundConnections, createHealth, createMetrics, fakeTime, openDiagnostics, silentLog, type Log } from '../src/index.ts';

/** A log that keeps its warnings. */
function listening(): { readonly log: Log; readonly lines: readonly unknown[][] } {
  const lines: unknown[][] = [];
  return { lines, log: { ...silentLog(), warn: (...said: readonly unknown[]) => void lines.push([...said]) } };
}

/** A connection of this test. */
function client(t: TestContext, port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  t.after(() => socket.destroy());
  return socket;
}

test('connections beyond the bound are closed, which is told at most once a minute, with their number', async (t) => {
  const { log, lines } = listening();
  const time = fakeTime();
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  boundConnections(server, { listener: 'x', most: 2, log, clock: time.clock });
  const { port } = server.address() as AddressInfo;
  const refused = () => once(client(t, port), 'close');
  const taken = async (): Promise<{ readonly near: Socket; readonly far: Socket }> => {
    const near = client(t, port);
    const [far] = (await once(server, 'connection')) as [Socket];
    return { near, far };
  };
  const held = [await taken(), await taken()];
  for (let nth = 0; nth < 3; nth += 1) await refused();
  const told = (count: number): unknown[] => [{ listener: 'x', most: 2, refused: count }, 'connections refused: too many'];
  assert.deepEqual(lines, [told(1)]);
  time.advance(59_999);
  await refused();
  assert.equal(lines.length, 1);
  time.advance(1);
  await refused();
  assert.deepEqual(lines.slice(1), [told(4)]);
  const left = once(held[0]!.far, 'close');
  held[0]!.near.destroy();
  held[0]!.far.resume();
  await left;
  held.push(await taken());
  assert.equal(lines.length, 2);
  for (const { near } of held) near.destroy();
  for (const { far } of held) far.destroy();
});

test('the diagnostics listener has a small bound', async (t) => {
  const { log, lines } = listening();
  const deps = { health: createHealth(), log, metrics: createMetrics() };
  await using listener = await openDiagnostics(deps, { host: '127.0.0.1', port: false });
  const port = Number(new URL(listener.url).port);
  const held = Array.from({ length: 256 }, () => client(t, port));
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  await once(client(t, port), 'close');
  assert.deepEqual(lines, [[{ listener: 'diagnostics', most: 256, refused: 1 }, 'connections refused: too many']]);
});
