/** Who is answered by the listener for probes and figures, and for how long it waits. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { createHealth, createMetrics, openDiagnostics, silentLog } from '../src/index.ts';

const deps = () => ({ health: createHealth(), log: silentLog(), metrics: createMetrics() });

async function statusFor(url: string, host: string, path = '/metrics'): Promise<number | undefined> {
  const asked = request(`${url}${path}`, { headers: { host }, agent: false }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  await text(answer);
  return answer.statusCode;
}

test('on loopback it answers to addresses and names of this machine, and to no name that a page has made resolve to it', async () => {
  await using listener = await openDiagnostics(deps(), { host: '127.0.0.1', port: false });
  for (const host of ['127.0.0.1', '127.0.0.1:9464', '[::1]:9464', 'localhost', 'LOCALHOST:1', hostname()])
    assert.equal(await statusFor(listener.url, host), 200, host);
  for (const host of ['evil.example', 'evil.example:9464', 'localhost.evil.example', '127.0.0.1@evil.example'])
    for (const path of ['/metrics', '/readyz']) assert.equal(await statusFor(listener.url, host, path), 403, host);
});

test('on an address that others reach it answers to any name: its users choose it', async () => {
  await using listener = await openDiagnostics(deps(), { host: '0.0.0.0', port: false });
  assert.equal(await statusFor(listener.url, 'causeway.monitoring.svc:9464'), 200);
});

test('a head, or a body, that does not come is not waited for', { timeout: 10_000 }, async () => {
  const times = { headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 100 };
  await using listener = await openDiagnostics(deps(), { host: '127.0.0.1', port: false }, times);
  const { port } = new URL(listener.url);
  const head = 'POST /nothing HTTP/1.1\r\nhost: 127.0.0.1';
  for (const sent of ['', head, `${head}\r\ncontent-length: 9\r\n\r\n{`]) {
    const socket = connect(Number(port), '127.0.0.1').resume();
    socket.on('error', () => undefined);
    socket.write(sent);
    await once(socket, 'close');
  }
});
