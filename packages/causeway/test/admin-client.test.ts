import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { AdminClient, chooseTarget } from '../src/admin-client.ts';
import type { FoundBridge } from '../src/admin-file.ts';
import { EXIT, Failure } from '../src/failure.ts';

const bridge = (port: number, cluster: string, more: Partial<FoundBridge> = {}): FoundBridge => ({
  url: `http://127.0.0.1:${port}`,
  token: `token-${port}`,
  pid: port,
  cluster,
  serves: `http://127.0.0.1:${port - 1}`,
  since: 0,
  ...more,
});

const fails =
  (code: number, text: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.exitCode, code);
    assert.match([error.message, ...error.hints].join('\n'), text);
    return true;
  };

test('the one bridge that runs here is asked; of several edges of one cluster any will do', () => {
  assert.deepEqual(chooseTarget({}, [bridge(8001, 'c')], {}), { url: 'http://127.0.0.1:8001', token: 'token-8001' });
  assert.deepEqual(chooseTarget({}, [bridge(8003, 'c'), bridge(8001, 'c')], {}), { url: 'http://127.0.0.1:8003', token: 'token-8003' });
});

test('of different bridges one must be named, and they are listed', () => {
  const found = [bridge(8003, 'd'), bridge(8001, 'c')];
  assert.throws(
    () => chooseTarget({}, found, {}),
    fails(
      EXIT.usage,
      /say which\n--admin http:\/\/127\.0\.0\.1:8003 {3}serves http:\/\/127\.0\.0\.1:8002, pid 8003\n--admin http:\/\/127\.0\.0\.1:8001/,
    ),
  );
  assert.deepEqual(chooseTarget({ admin: 'http://127.0.0.1:8001/' }, found, {}).token, 'token-8001');
  assert.deepEqual(chooseTarget({ admin: '127.0.0.1:8001' }, found, {}).token, 'token-8001');
});

test('a token goes to the URL that it belongs to', () => {
  const found = [bridge(8001, 'c')];
  const env = { CAUSEWAY_ADMIN_TOKEN: 'mine' };
  assert.equal(chooseTarget({}, found, env).token, 'token-8001');
  assert.equal(chooseTarget({ token: 'said' }, found, env).token, 'said');
  assert.deepEqual(chooseTarget({ admin: 'https://edge.example:8001' }, found, env), { url: 'https://edge.example:8001', token: 'mine' });
  assert.deepEqual(chooseTarget({ admin: 'http://other:8001' }, found, {}), { url: 'http://other:8001' });
  const { token: _token, ...configured } = bridge(8001, 'c');
  assert.equal(chooseTarget({}, [configured], env).token, 'mine');
  assert.deepEqual(chooseTarget({}, [configured], {}), { url: 'http://127.0.0.1:8001' });
});

test('with a token and nobody found, the usual address; without one, nobody', () => {
  assert.deepEqual(chooseTarget({ token: 't' }, [], {}), { url: 'http://127.0.0.1:8001', token: 't' });
  assert.deepEqual(chooseTarget({}, [], { CAUSEWAY_ADMIN_TOKEN: 't', CAUSEWAY_ADMIN_PORT: '9001' }), {
    url: 'http://127.0.0.1:9001',
    token: 't',
  });
  assert.throws(() => chooseTarget({}, [], {}), fails(EXIT.unreachable, /no bridge of this user/));
  assert.throws(() => chooseTarget({ token: 'two words' }, [], {}), fails(EXIT.auth, /no token has/));
  assert.throws(() => chooseTarget({ admin: 'ftp://x', token: 't' }, [], {}), fails(EXIT.usage, /not an http URL/));
});

test('whether a token is asked for, the bridge says; where there is none, it is out of reach', async (context) => {
  const asked: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    asked.push(headers.authorization);
    response.writeHead(401).end('{"error":{"reason":"request.unauthorized","message":"a token is needed"}}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  const admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  context.after(replaceToken());
  await assert.rejects(
    new AdminClient({ admin }).ask('GET', 'sessions'),
    fails(EXIT.auth, /needed\ngive it with --token or CAUSEWAY_ADMIN_TOKEN$/),
  );
  await assert.rejects(new AdminClient({ admin, token: 't' }).ask('GET', 'sessions'), fails(EXIT.auth, /needed\nthe token is another/));
  assert.deepEqual(asked, [undefined, 'Bearer t']);
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  await assert.rejects(new AdminClient({ admin }).ask('GET', 'sessions'), fails(EXIT.unreachable, /does not answer: ECONNREFUSED/));
});

/** The user's own token out of the way; returns the way back. */
function replaceToken(): () => void {
  const { CAUSEWAY_ADMIN_TOKEN: own } = process.env;
  delete process.env['CAUSEWAY_ADMIN_TOKEN'];
  return () => {
    if (own !== undefined) process.env['CAUSEWAY_ADMIN_TOKEN'] = own;
  };
}
