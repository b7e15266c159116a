/** A bridge with TLS, as its clients and its operator meet it: real processes, the official clients, the commands. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { getCACertificates, setDefaultCACertificates, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { startNats } from '@causeway/cluster';
import { createBridge } from 'causeway';
import { Client as NextClient, StreamableHTTPClientTransport as NextTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { openOperator, type Operator } from '../harness/operator.ts';
import { hostile, openCauseway, stdio2025, type Causeway } from '../harness/processes.ts';
import { hello, openCall, openStream, post, textOf, toolCall } from '../harness/speak.ts';

const MADE = fileURLToPath(new URL('../fixtures/tls/', import.meta.url));
const CA = join(MADE, 'ca.pem');
const FILES = { certFile: join(MADE, 'server.pem'), keyFile: join(MADE, 'server.key') };
const FLAGS = ['--tls-cert', FILES.certFile, '--tls-key', FILES.keyFile];
const INFO = { name: 'tls', version: '1' };

/** The status of `/livez` on a connection of its own, and whose certificate was shown. */
async function ask(url: string, options: ConnectionOptions = {}): Promise<readonly [status: number | undefined, shown: string]> {
  const asked = request(new URL('/livez', url), { agent: false, ca: readFileSync(CA), ...options }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.resume();
  return [response.statusCode, String((response.socket as TLSSocket).getPeerCertificate().subject.CN)];
}

describe('TLS', () => {
  const known = getCACertificates('default');
  before(() => setDefaultCACertificates([...known, readFileSync(CA, 'utf8')]));
  after(() => setDefaultCACertificates(known));

  describe('one process', () => {
    const stack = new AsyncDisposableStack();
    let operator: Operator;
    let bridge: Causeway;
    before(async () => {
      operator = stack.use(await openOperator());
      bridge = stack.use(
        await openCauseway('run', {
          servers: { everything: { ...stdio2025(), default: true }, hostile: hostile() },
          config: { admin: { port: 0 }, diagnostics: { port: 0 }, listen: { tls: FILES } },
          env: operator.env,
        }),
      );
    });
    after(() => stack.disposeAsync());

    it('every client of the official SDKs is served at the https address', async () => {
      assert.match(bridge.base, /^https:/);
      const open = [
        () => new StreamableHTTPClientTransport(new URL(bridge.url('everything'))),
        () => new SSEClientTransport(new URL(bridge.url('everything', 'sse'))),
      ];
      for (const transport of open) {
        const client = new Client(INFO);
        await client.connect(transport());
        assert.ok((await client.listTools()).tools.length > 0);
        await client.close();
      }
      const next = new NextClient(INFO, { versionNegotiation: { mode: 'auto' } });
      await next.connect(new NextTransport(new URL(bridge.url('everything'))));
      assert.ok((await next.listTools()).tools.length > 0);
      await next.close();
    });

    it('calls, streams and a replay go as without TLS', async () => {
      const { headers } = await hello(bridge.url('hostile'));
      await using stream = await openStream(bridge.url('hostile'), { headers });
      assert.equal(stream.status, 200);
      const many = await Promise.all(
        Array.from({ length: 20 }, (_, at) => post(bridge.url('hostile'), toolCall(at, 'echo', { text: `text ${at}` }), headers)),
      );
      for (const [at, answer] of many.entries()) assert.ok(textOf(answer.messages.at(-1))?.includes(`text ${at}`));
    });

    it('commands find it, and say https; those that check the certificate say how it can be known', async () => {
      const url = `https://localhost:${bridge.port}`;
      const health = await operator.run('health', '--port', String(bridge.port));
      assert.deepEqual([health.code, health.stderr], [0, '']);
      assert.match(health.stdout, /^\[\+\]certificate ok$/m);
      assert.equal((await operator.runWith({ NODE_EXTRA_CA_CERTS: CA }, 'health', '--url', url)).code, 0);
      const unknown = await operator.run('health', '--url', url);
      assert.equal(unknown.code, 4);
      assert.match(unknown.stderr, /does not answer: (?:UNABLE_TO_\w+|SELF_SIGNED\w+)\n {2}NODE_EXTRA_CA_CERTS=FILE names the authority/);
      const plain = await operator.run('health', '--url', url.replace('https', 'http'));
      assert.match(plain.stderr, new RegExp(`does not answer: ECONNRESET\n {2}where it speaks TLS: ${url}\n`));
      const demo = await operator.runWith({ NODE_EXTRA_CA_CERTS: CA }, 'demo', '--url', `${url}/mcp`, '--calls', '5');
      assert.equal(demo.code, 0, demo.stderr);
      const other = await operator.run('demo', '--url', `${url}/mcp`, '--calls', '5');
      assert.match(other.stderr, /NODE_EXTRA_CA_CERTS=FILE/);
      assert.equal((await operator.run('sessions')).code, 0);
      const from = new URL(String(bridge.logs.items.find(({ msg }) => msg === 'listening')!['diagnostics']));
      assert.equal((await operator.run('health', '--port', from.port)).code, 0);
    });
  });

  it('a certificate that is renewed is served without a restart, sessions and streams go on; SIGTERM ends it as ever', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-tls-'));
    const put = (name: string): void => {
      for (const end of ['pem', 'key']) {
        copyFileSync(join(MADE, `${name}.${end}`), join(folder, 'new'));
        renameSync(join(folder, 'new'), join(folder, `tls.${end}`));
      }
    };
    put('server');
    await using bridge = await openCauseway('run', {
      servers: { hostile: hostile() },
      args: ['--tls-cert', join(folder, 'tls.pem'), '--tls-key', join(folder, 'tls.key')],
    });
    assert.deepEqual(await ask(bridge.base), [200, 'server']);
    const { headers } = await hello(bridge.url('hostile'));
    await using stream = await openStream(bridge.url('hostile'), { headers });
    put('client');
    await bridge.logs.next('the renewal', ({ msg }) => msg === 'certificate renewed', 10_000);
    assert.deepEqual(await ask(bridge.base), [200, 'client']);
    assert.equal((await post(bridge.url('hostile'), toolCall(1, 'echo', { text: 'a' }), headers)).status, 200);
    assert.equal(stream.status, 200);
    await using call = await openCall(bridge.url('hostile'), toolCall('slow', 'progress', { n: 4, ms: 500 }), headers);
    bridge.kill('SIGTERM');
    await call.message('the answer of what ran', ({ id }) => id === 'slow');
    assert.equal((await bridge.exited).code, 0);
    rmSync(folder, { recursive: true });
  });

  it('an edge over NATS with TLS has it, and asks its clients for certificates, where that is said', async () => {
    const asks = `tls { cert_file: "${FILES.certFile}", key_file: "${FILES.keyFile}", ca_file: "${CA}", verify: true }`;
    await using server = await startNats({ nodes: 1, config: asks });
    const own = { caFile: CA, certFile: join(MADE, 'client.pem'), keyFile: join(MADE, 'client.key') };
    const nats = { url: server.urls[0]!.replace('nats:', 'tls:'), tls: own };
    await using _worker = await openCauseway('worker', { servers: { hostile: hostile() }, config: { nats } });
    await using edge = await openCauseway('edge', { config: { nats }, args: [...FLAGS, '--tls-client-ca', CA] });
    const client = { cert: readFileSync(join(MADE, 'client.pem')), key: readFileSync(join(MADE, 'client.key')) };
    assert.deepEqual(await ask(edge.base, client), [200, 'server']);
    await assert.rejects(ask(edge.base), /certificate required|ECONNRESET|hang up/i);
  });

  it('the library has it, too; a file that cannot be used is a fault of its options', async () => {
    const { command, args = [] } = hostile();
    const servers = { hostile: { command, args } };
    await using bridge = await createBridge({ servers, listen: { tls: FILES } });
    const url = await bridge.listen({ port: 0 });
    assert.deepEqual(await ask(url), [200, 'server']);
    assert.match(bridge.url('hostile'), /^https:/);
    await assert.rejects(createBridge({ servers, listen: { tls: { ...FILES, keyFile: '/none' } } }), {
      name: 'ConfigError',
      message: 'options  listen.tls.keyFile: /none: no such file',
    });
  });

  describe('what cannot be served with', () => {
    const stack = new AsyncDisposableStack();
    let operator: Operator;
    before(async () => {
      operator = stack.use(await openOperator());
    });
    after(() => stack.disposeAsync());
    const expired = join(MADE, 'expired.pem');

    it('is told in one line, with file and setting, before a port, a child or NATS is touched: 2', async () => {
      await using holder = createServer();
      holder.listen(0, '127.0.0.1');
      await once(holder, 'listening');
      const taken = ['--port', String((holder.address() as AddressInfo).port), '--', 'no-such-command'];
      for (const [args, told] of [
        [['--tls-cert', '/none.pem', '--tls-key', FILES.keyFile], '--tls-cert  listen.tls.certFile: /none.pem: no such file'],
        [
          ['--tls-cert', FILES.certFile, '--tls-key', join(MADE, 'client.key')],
          `--tls-key  listen.tls.keyFile: ${join(MADE, 'client.key')}: it is not the key of the certificate ${FILES.certFile}: give the two that were made together`,
        ],
        [
          ['--sslCert', expired, '--sslKey', join(MADE, 'expired.key')],
          `--sslCert  listen.tls.certFile: ${expired}: the certificate ended on 2020-02-01: renew it`,
        ],
        [FLAGS.slice(0, 2), '--tls-cert  listen.tls.keyFile: is required (text); CAUSEWAY_TLS_KEY sets it'],
      ] as const) {
        const { code, stderr, stdout } = await operator.run(...args, ...taken);
        assert.deepEqual([code, stderr, stdout], [2, `error: ${told}\n`, '']);
      }
      const unknown = { CAUSEWAY_NATS_URL: 'tls://127.0.0.1:1', CAUSEWAY_NATS_TLS_CA_FILE: '/none.pem' };
      for (const verb of [['edge'], ['worker', ...taken.slice(2)], ['run', ...taken], ['nats', 'buckets']]) {
        const { code, stderr } = await operator.runWith(unknown, ...verb);
        assert.deepEqual([code, stderr], [2, 'error: CAUSEWAY_NATS_TLS_CA_FILE  nats.tls.caFile: /none.pem: no such file\n'], verb[0]);
      }
      const edge = await operator.run('edge', '--nats', '127.0.0.1:1', '--tls-cert', '/none.pem', '--tls-key', FILES.keyFile);
      assert.deepEqual([edge.code, edge.stderr], [2, 'error: --tls-cert  listen.tls.certFile: /none.pem: no such file\n']);
    });

    it('doctor says what there is, and until when', async () => {
      const ports = ['--port', '0', '--diagnostics-port', 'off', '--admin-port', 'off', '--', process.execPath];
      const good = await operator.run('doctor', ...FLAGS, ...ports);
      assert.match(good.stdout, /^✔ certificate of localhost, mcp\.example\.com, 127\.0\.0\.1, \S+, until 2120-01-01$/m);
      const bad = await operator.run('doctor', '--tls-cert', expired, '--tls-key', FILES.keyFile, ...ports);
      assert.equal(bad.code, 1);
      assert.match(bad.stdout, /^✖ --tls-cert {2}listen\.tls\.certFile: .*ended on 2020-02-01: renew it$/m);
    });
  });
});
