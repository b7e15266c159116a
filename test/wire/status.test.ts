/**
 * The statuses and codes that the official SDK server answers with, pinned for the bridge: one test for each
 * row of the table, and proof that no refused request reached a child.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLedger } from '../harness/ledger.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { POST_HEADERS, rawRequest } from '../harness/raw.ts';
import { assertRefused } from '../harness/refusal.ts';
import { hello, openStream, post, readAnswer, toolCall, type Answer, type Hello } from '../harness/speak.ts';

describe('statuses of Streamable HTTP', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let bridge: Causeway;
  let url: string;
  let open: Hello;

  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { hostile: hostile(ledger.env) }, args: ['--no-probe'] }));
    url = bridge.url('hostile');
    open = await hello(url);
  });
  after(() => stack.disposeAsync());

  const send = async (method: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
    readAnswer(await fetch(url, { method, headers, signal: AbortSignal.timeout(5_000) }));
  const list = { jsonrpc: '2.0', id: 7, method: 'tools/list' };

  for (const method of ['PUT', 'PATCH']) {
    it(`${method} answers 405 and says what is allowed`, async () => {
      const answer = await send(method, open.headers);
      assertRefused(answer, { status: 405, code: -32000, reason: 'request.method' });
      const allow = (answer.headers.get('allow') ?? '').split(/,\s*/);
      for (const allowed of ['GET', 'POST', 'DELETE']) assert.ok(allow.includes(allowed), `Allow: ${allow.join()}`);
    });
  }

  for (const accept of ['application/json', 'text/event-stream', 'text/html', 'application/jsonx, text/event-stream']) {
    it(`POST that accepts ${accept} answers 406`, async () => {
      assertRefused(await post(url, list, { ...open.headers, accept }), { status: 406, code: -32000, reason: 'request.accept' });
    });
  }

  it('POST without Accept answers 406', async () => {
    const headers = [['Content-Type', 'application/json'], ...Object.entries(open.headers)] as const;
    const answer = await rawRequest(bridge.port, { path: '/servers/hostile/mcp', headers, body: JSON.stringify(list) });
    assertRefused(answer, { status: 406, code: -32000, reason: 'request.accept' });
  });

  it('GET that does not accept an event stream answers 406', async () => {
    assertRefused(await send('GET', { ...open.headers, accept: 'application/json' }), {
      status: 406,
      code: -32000,
      reason: 'request.accept',
    });
  });

  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'multipart/form-data; boundary=x',
    'application/json; charset=latin1',
  ]) {
    it(`POST of ${type} answers 415`, async () => {
      assertRefused(await post(url, list, { ...open.headers, 'content-type': type }), {
        status: 415,
        code: -32000,
        reason: 'request.content_type',
      });
    });
  }

  for (const target of ['http://localhost/servers/hostile/mcp', 'HTTP://elsewhere:1/servers/hostile/mcp?x=http://y/']) {
    it(`POST to the whole URL ${target} is served`, async () => {
      const headers = [...POST_HEADERS, ...Object.entries(open.headers)];
      const answer = await rawRequest(bridge.port, { path: target, headers, body: JSON.stringify(list) });
      assert.equal(answer.status, 200, answer.text);
    });
  }

  it('a whole URL does not stand in for a Host that is refused, and its path alone says what is served', async () => {
    const whole = 'http://localhost/servers/hostile/mcp';
    const foreign = await rawRequest(bridge.port, { method: 'GET', path: whole, headers: [['Host', 'evil.example']] });
    assertRefused(foreign, { status: 403, code: -32000, reason: 'request.host' });
    for (const path of ['http://localhost', 'http://localhost?x=/servers/hostile/mcp'])
      assert.equal((await rawRequest(bridge.port, { method: 'GET', path, headers: [] })).status, 200);
  });

  it('POST of application/json; charset=utf-8 is served', async () => {
    const answer = await post(url, list, { ...open.headers, 'content-type': 'application/json; charset=utf-8' });
    assert.equal(answer.status, 200);
  });

  it('unparseable JSON answers 400 and -32700', async () => {
    assertRefused(await post(url, '{"jsonrpc":', open.headers), { status: 400, code: -32700, reason: 'request.malformed' });
  });

  for (const body of ['42', 'null', '"text"', '{}', '{"jsonrpc":"1.0","id":1,"method":"ping"}', '{"id":1,"method":"ping"}']) {
    it(`JSON that is no JSON-RPC answers 400: ${body}`, async () => {
      assertRefused(await post(url, body, open.headers), { status: 400, code: [-32700, -32600], reason: 'request.invalid' });
    });
  }

  it('a second initialize on a session answers 400', async () => {
    const again = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
    };
    assertRefused(await post(url, again, open.headers), { status: 400, code: -32600, reason: 'request.invalid' });
  });

  for (const method of ['POST', 'GET', 'DELETE']) {
    it(`${method} without a session id answers 400`, async () => {
      const answer = method === 'POST' ? await post(url, list) : await send(method, { accept: 'text/event-stream' });
      assertRefused(answer, { status: 400, code: -32000, reason: 'request.session_missing' });
    });

    it(`${method} with an unknown session id answers 404`, async () => {
      const headers = { 'mcp-session-id': '1'.padEnd(64, 'x'), 'mcp-protocol-version': '2025-11-25' };
      const answer = method === 'POST' ? await post(url, list, headers) : await send(method, { ...headers, accept: 'text/event-stream' });
      const error = assertRefused(answer, { status: 404, code: -32001, reason: 'request.session_unknown' });
      assert.equal(error.message, 'Session not found');
    });

    for (const version of ['1999-01-01', 'invalid-version', '9999-99-99', ...(method === 'POST' ? [] : ['2099-01-01'])])
      it(`${method} with the version header ${version} answers 400`, async () => {
        const headers = { ...open.headers, 'mcp-protocol-version': version };
        const answer = method === 'POST' ? await post(url, list, headers) : await send(method, { ...headers, accept: 'text/event-stream' });
        assertRefused(answer, { status: 400, code: -32000, reason: 'request.version' });
      });
  }

  it('a notification with a version header that is no revision answers 400', async () => {
    const headers = { ...open.headers, 'mcp-protocol-version': 'invalid-version' };
    const answer = await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
    assertRefused(answer, { status: 400, code: -32000, reason: 'request.version' });
  });

  for (const method of ['GET', 'DELETE'])
    it(`${method} of the era without sessions answers 405`, async () => {
      for (const headers of [{ 'mcp-protocol-version': '2099-01-01' }, { ...open.headers, 'mcp-protocol-version': '2026-07-28' }]) {
        const answer = await send(method, { ...headers, accept: 'text/event-stream' });
        assertRefused(answer, { status: 405, code: -32000, reason: 'request.method' });
      }
    });

  it('the refusal of a request carries its id', async () => {
    for (const id of [0, '', 'seven', 7]) {
      const answer = await post(url, { ...list, id }, { ...open.headers, 'mcp-session-id': 'unknown' });
      assert.equal(answer.status, 404);
      assert.equal(answer.messages[0]?.id, id);
    }
  });

  it('an unknown Last-Event-ID answers 400', async () => {
    for (const id of ['no-such-stream.1', 'garbage', '__proto__.1', '../../x', `${'s'.repeat(3_000)}.1`]) {
      const answer = await send('GET', { ...open.headers, accept: 'text/event-stream', 'last-event-id': id });
      assertRefused(answer, { status: 400, code: -32000, reason: 'request.event_id' });
    }
  });

  it('a second standalone GET takes the stream over and ends the first', async () => {
    await using first = await openStream(url, { headers: open.headers });
    await using second = await openStream(url, { headers: open.headers });
    await first.ended;
    await post(url, toolCall(8, 'notify', { method: 'notifications/tools/list_changed', ms: 20 }), open.headers);
    await second.message('the notification on the newer stream', ({ method }) => method === 'notifications/tools/list_changed');
  });

  it('an unknown server answers 404 with its own reason', async () => {
    assertRefused(await post(bridge.url('hostill'), list), { status: 404, code: -32000, reason: 'server.unknown' });
  });

  it('an unknown path answers 404', async () => {
    for (const path of [
      '/nothing',
      '/servers',
      '/servers/hostile',
      '/servers/hostile/mcp/more',
      '/servers/..%2fhostile/mcp',
      '/servers/%0d%0aSet-Cookie:x/mcp',
    ]) {
      const answer = await rawRequest(bridge.port, { path, body: JSON.stringify(list) });
      assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status} ${answer.text}`);
      assert.equal(answer.headers.get('set-cookie'), undefined);
    }
  });

  it('DELETE answers 200, and the id is unknown from then on', async () => {
    const { headers } = await hello(url);
    assert.equal((await send('DELETE', headers)).status, 200);
    for (const answer of [
      await post(url, list, headers),
      await send('DELETE', headers),
      await send('GET', { ...headers, accept: 'text/event-stream' }),
    ]) {
      assertRefused(answer, { status: 404, code: -32001, reason: 'request.session_unknown' });
    }
  });

  it('every answer forbids caching and sniffing of what it is', async () => {
    for (const answer of [await post(url, list, open.headers), await post(url, list)]) {
      assert.match(answer.headers.get('cache-control') ?? '', /no-store|no-cache/);
      assert.equal(answer.headers.get('x-powered-by'), null);
      assert.equal(answer.headers.get('access-control-allow-origin'), null);
    }
  });

  it('none of the refused requests started a child or reached one', async () => {
    const entries = await ledger.entries();
    const opened = entries.filter(({ method }) => method === 'initialize').length;
    assert.equal(await ledger.starts(), opened);
    assert.equal(entries.filter(({ method }) => method === 'UNPARSEABLE').length, 0);
  });
});
