/** TLS where clients connect, over real sockets: who gets through, who does not, and certificates that change meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request as overHttp, type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect as plainly, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { openMemoryCluster } from '@causeway/cluster';
import { newEdgeId } from '@causeway/protocol';
import { createHealth, createWheel, silentLog, systemClock, type Log } from '@causeway/runtime';
import { SecureServers } from '../../src/http/secure.ts';
import { createServer, type HttpServer } from '../../src/http/server.ts';
import { openContext } from '../../src/open-context.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker } from '../scripted-worker.ts';

const MADE = join(import.meta.dirname, '../../../../test/fixtures/tls');
const pem = (name: string): string => readFileSync(join(MADE, name), 'utf8');
const ca = pem('ca.pem');
const CLIENT = { cert: pem('client.pem'), key: pem('client.key') };
const QUICK = { head: 300, request: 600, look: 100, linger: 100 };

interface Setting {
  readonly server: HttpServer;
  readonly url: URL;
  readonly folder: string;
  /** What the log said, of one message. */
  readonly said: (message: string) => readonly Readonly<Record<string, unknown>>[];
  readonly health: ReturnType<typeof createHealth>;
  /** Puts files of the fixtures in the places of those that are served with. */
  put(cert: string, key: string): void;
  /** Waits until the log says it. */
  hears(message: string): Promise<void>;
}

interface Change {
  readonly asks?: boolean;
  readonly maxConnections?: number;
}

async function setting(t: TestContext, { asks = false, maxConnections = 1000 }: Change = {}): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const folder = mkdtempSync(join(tmpdir(), 'causeway-secure-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const put = (cert: string, key: string): void => {
    for (const [from, to] of [
      [cert, 'tls.crt'],
      [key, 'tls.key'],
    ] as const) {
      copyFileSync(join(MADE, from), join(folder, 'new'));
      renameSync(join(folder, 'new'), join(folder, to));
    }
  };
  put('server.pem', 'server.key');
  const lines: { readonly facts: Readonly<Record<string, unknown>>; readonly message: unknown }[] = [];
  let wake: () => void = () => undefined;
  const take = (facts: unknown, message?: unknown): void => {
    lines.push({ facts: facts as Readonly<Record<string, unknown>>, message });
    wake();
  };
  const log: Log = { ...silentLog(), info: take, warn: take };
  const cluster = stack.use(await openMemoryCluster());
  stack.use(await scriptedWorker(cluster, obliging));
  const deps = { id: newEdgeId(), cluster, log, clock: systemClock, wheel: stack.use(createWheel()), random: () => 0.5 };
  const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  const options = {
    ...edgeOptions,
    http: { ...edgeOptions.http, maxConnections },
    listen: { ...edgeOptions.listen, tls: { ...files, ...(asks ? { clientCaFile: join(MADE, 'ca.pem') } : {}) } },
  };
  const health = createHealth();
  const server = stack.use(createServer(await openContext(stack, deps, options), { health }, QUICK));
  const url = new URL(await server.listen(options.listen));
  const said = (message: string) => lines.filter((line) => line.message === message).map(({ facts }) => facts);
  const hears = async (message: string): Promise<void> => {
    while (said(message).length === 0) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { server, url, folder, said, health, put, hears };
}

/** One request on a connection of its own; resolves with its status and the certificate that was shown. */
async function ask(url: URL, options: ConnectionOptions = {}): Promise<{ readonly status: number; readonly shown: string }> {
  const asked = request(new URL('/readyz', url), { agent: false, ca, ...options }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const { CN } = (response.socket as TLSSocket).getPeerCertificate().subject;
  response.resume();
  return { status: response.statusCode!, shown: String(CN) };
}

const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

async function closed(socket: Socket): Promise<void> {
  socket.on('error', () => undefined).resume();
  if (!socket.closed) await once(socket, 'close');
}

test('it is https with HTTP/1.1, from TLS 1.2 on, whatever else is offered', async (t) => {
  const { url } = await setting(t);
  assert.equal(url.protocol, 'https:');
  assert.deepEqual(await ask(url), { status: 200, shown: 'server' });
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await assert.rejects(ask(url, old), /alert protocol version/);
  assert.equal((await ask(url, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).status, 200);
  const socket = connect({ port: Number(url.port), host: '127.0.0.1', ca, ALPNProtocols: ['h2', 'http/1.1'] });
  await once(socket, 'secureConnect');
  assert.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
  await assert.rejects(ask(url, { ca: pem('strange.pem') }), (error) => /UNABLE_TO_VERIFY|SELF_SIGNED|ISSUER/.test(String(code(error))));
});

test('a session is opened as over plain HTTP, and pages of this machine are let in over https, too', async (t) => {
  const { url } = await setting(t);
  const post = async (origin: string): Promise<number> => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', origin };
    const asked = request(new URL('/servers/echo/mcp', url), { agent: false, ca, method: 'POST', headers });
    asked.end('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}');
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode!;
  };
  assert.deepEqual(await Promise.all(['https://localhost:5173', 'http://localhost', 'https://evil.example'].map(post)), [200, 200, 403]);
});

test('who speaks plain HTTP is closed, unanswered, and the log says so, once', async (t) => {
  const { url, said, hears } = await setting(t);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const asked = overHttp({ host: '127.0.0.1', port: url.port, agent: false }).end();
    const [error] = (await once(asked, 'error')) as [unknown];
    assert.equal(code(error), 'ECONNRESET');
  }
  await hears('tls handshakes failed');
  const told = said('tls handshakes failed');
  assert.deepEqual(
    told.map(({ why, failed }) => ({ why, failed })),
    [{ why: 'ERR_SSL_HTTP_REQUEST', failed: 1 }],
  );
  assert.deepEqual(said('request refused'), []);
});

test('who says nothing in the handshake has the time of a head; who only looks whether somebody listens is not told of', async (t) => {
  const { url, said } = await setting(t);
  const silent = plainly(Number(url.port), '127.0.0.1');
  const looked = plainly(Number(url.port), '127.0.0.1', () => looked.destroy());
  const begun = performance.now();
  await closed(silent);
  const took = performance.now() - begun;
  assert.ok(took >= QUICK.head - 20 && took < 5_000, `after ${took} ms`);
  assert.deepEqual(
    said('tls handshakes failed').map(({ why }) => why),
    ['ERR_TLS_HANDSHAKE_TIMEOUT'],
  );
});

test('a head that does not come in time is refused as without TLS', async (t) => {
  const { url } = await setting(t);
  const socket = connect({ port: Number(url.port), host: '127.0.0.1', ca });
  await once(socket, 'secureConnect');
  let text = '';
  socket.on('data', (part: Buffer) => (text += part.toString()));
  await once(socket, 'end');
  assert.match(text, /^HTTP\/1\.1 408 /);
});

test('connections are bounded, those in their handshake with the others', async (t) => {
  const { url, hears } = await setting(t, { maxConnections: 1 });
  const first = plainly(Number(url.port), '127.0.0.1');
  await once(first, 'connect');
  await assert.rejects(ask(url), { code: 'ECONNRESET' });
  await hears('connections refused: too many');
  first.destroy();
});

test('the end of the listener does not wait for those who are in their handshake', async (t) => {
  const { server, url } = await setting(t);
  const inside = connect({ port: Number(url.port), host: '127.0.0.1', ca });
  await once(inside, 'secureConnect');
  const outside = plainly(Number(url.port), '127.0.0.1');
  await once(outside, 'connect');
  const begun = performance.now();
  await server[Symbol.asyncDispose]();
  assert.ok(performance.now() - begun < QUICK.head, 'they are closed');
  await Promise.all([closed(inside), closed(outside)]);
  await assert.rejects(ask(url), { code: 'ECONNREFUSED' });
});

test('where clients are to show a certificate, nobody gets through without one of that authority', async (t) => {
  const { url, said, hears } = await setting(t, { asks: true });
  assert.equal((await ask(url, CLIENT)).status, 200);
  const refusals = /CERTIFICATE_REQUIRED|PEER_DID_NOT_RETURN|ECONNRESET|UNKNOWN_CA|EPIPE/;
  await assert.rejects(ask(url), (error) => refusals.test(String(code(error))));
  const stranger = { cert: pem('stranger.pem'), key: pem('stranger.key') };
  await assert.rejects(ask(url, stranger), (error) => refusals.test(String(code(error))));
  const expired = { cert: pem('expired.pem'), key: pem('expired.key') };
  await assert.rejects(ask(url, expired), (error) => /ECONNRESET|EXPIRED|EPIPE/.test(String(code(error))));
  await hears('tls handshakes failed');
  assert.equal(said('tls handshakes failed')[0]!['why'], 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
});

test('a renewed certificate is shown to whoever comes then; who is there stays, and old tickets are nobody', async (t) => {
  const { url, put, hears, said, health } = await setting(t);
  const stays = connect({ port: Number(url.port), host: '127.0.0.1', ca, maxVersion: 'TLSv1.2' });
  let ticket: Buffer | undefined;
  stays.on('session', (given) => (ticket = given));
  await once(stays, 'secureConnect');
  stays.write('GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(stays, 'data');
  put('renewed.pem', 'renewed.key');
  await hears('certificate renewed');
  assert.deepEqual((await ask(url)).shown, 'renewed');
  assert.equal(said('certificate renewed')[0]!['until'], '2120-01-01');
  stays.write('GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n');
  assert.match(String((await once(stays, 'data'))[0]), /^HTTP\/1\.1 200/);
  stays.destroy();
  assert.ok(ticket);
  const back = connect({ port: Number(url.port), host: '127.0.0.1', ca, maxVersion: 'TLSv1.2', session: ticket });
  await once(back, 'secureConnect');
  assert.equal(back.isSessionReused(), false);
  back.destroy();
  assert.equal(health.ready().state, 'ok');
});

test('one that is broken is warned of once and not taken up; the one before serves on', async (t) => {
  const { url, folder, put, hears, said, health } = await setting(t);
  writeFileSync(join(folder, 'tls.key'), pem('client.key'));
  await hears('certificate not renewed, the one before is kept');
  writeFileSync(join(folder, 'tls.key'), pem('client.key'));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const told = said('certificate not renewed, the one before is kept');
  assert.equal(told.length, 1);
  assert.equal(told[0]!['setting'], 'listen.tls.keyFile');
  assert.match(String(told[0]!['why']), /tls\.key: it is not the key of the certificate/);
  assert.equal((await ask(url)).shown, 'server');
  const { status, checks } = health.ready();
  assert.equal(status, 200);
  assert.deepEqual(checks, [{ name: 'certificate', state: 'degraded', note: 'a newer one cannot be used' }]);
  put('renewed.pem', 'renewed.key');
  await hears('certificate renewed');
  assert.equal((await ask(url)).shown, 'renewed');
  assert.equal(health.ready().state, 'ok');
});

test(
  'a second address has the certificate, and the renewed one; one where another program has the port is told',
  { skip: process.platform !== 'linux' && 'one IPv4 address on loopback' },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-secure-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const files = { certFile: join(folder, 'cert'), keyFile: join(folder, 'key') };
    copyFileSync(join(MADE, 'server.pem'), files.certFile);
    copyFileSync(join(MADE, 'server.key'), files.keyFile);
    using wheel = createWheel();
    const { promise: renewed, resolve } = Promise.withResolvers<void>();
    const log: Log = { ...silentLog(), info: (_facts: unknown, message?: unknown) => message === 'certificate renewed' && resolve() };
    const options = { files, connections: {}, broken: () => undefined, bound: () => undefined };
    using secure = new SecureServers(options, { log, wheel, clock: systemClock });
    const main = secure.create((_req, res) => void res.end());
    await once(main.listen(0, '127.0.0.1'), 'listening');
    const { port } = main.address() as AddressInfo;
    await secure.listenToo(port, ['127.0.0.2', '192.0.2.1']);
    const seen = async () => [
      (await ask(new URL(`https://127.0.0.1:${port}`))).shown,
      (await ask(new URL(`https://127.0.0.2:${port}`), { servername: 'localhost' })).shown,
    ];
    assert.deepEqual(await seen(), ['server', 'server']);
    copyFileSync(join(MADE, 'renewed.pem'), files.certFile);
    copyFileSync(join(MADE, 'renewed.key'), files.keyFile);
    await renewed;
    assert.deepEqual(await seen(), ['renewed', 'renewed']);
    await assert.rejects(secure.listenToo(port, ['127.0.0.2']), { code: 'EADDRINUSE' });
  },
);
