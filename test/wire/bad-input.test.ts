/**
 * Bad input by raw sockets: bodies that mean one thing to us and another to a server behind us, headers that
 * say two things, and sizes at the limit. Each is refused with its status before anything is published; no
 * child sees any of it, and the session that it was aimed at goes on.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLedger } from '../harness/ledger.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { POST_HEADERS, rawBytes, rawRequest, type RawAnswer } from '../harness/raw.ts';
import { assertNothingInside, assertRefused } from '../harness/refusal.ts';
import { hello, post, textOf, toolCall, type Hello } from '../harness/speak.ts';

const MIB = 1024 * 1024;
const PATH = '/servers/hostile/mcp';
type Pairs = readonly (readonly [string, string])[];

describe('bad input', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let bridge: Causeway;
  let open: Hello;

  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { hostile: hostile(ledger.env) }, args: ['--no-probe'] }));
    open = await hello(bridge.url('hostile'));
  });
  after(() => stack.disposeAsync());

  const send = (body: string | Uint8Array, extra: Pairs = [], base: Pairs = POST_HEADERS): Promise<RawAnswer> =>
    rawRequest(bridge.port, { path: PATH, headers: [...base, ...Object.entries(open.headers), ...extra], body });
  const without = (name: string): Pairs => POST_HEADERS.filter(([given]) => given !== name);

  const nested = (depth: number) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}}`;
  const keys = Array.from({ length: 10_001 }, (_, at) => `"k${at}":0`).join(',');
  const INVALID = { status: 400, code: [-32600, -32700], reason: 'request.invalid' };
  const MALFORMED = { status: 400, code: -32700, reason: 'request.malformed' };

  const bodies: readonly (readonly [string, string | Uint8Array, typeof INVALID | typeof MALFORMED])[] = [
    ['two methods', '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}', INVALID],
    ['two methods, one escaped', '{"jsonrpc":"2.0","id":1,"method":"tools/list","\\u006dethod":"tools/call"}', INVALID],
    ['two ids', '{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}', INVALID],
    ['two params', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"params":{"name":"crash"}}', INVALID],
    ['two names of a tool', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"crash"}}', INVALID],
    ['a case variant of method', '{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}', INVALID],
    ['a fold variant of params', '{"jsonrpc":"2.0","id":1,"method":"tools/list","param\u017f":{}}', INVALID],
    ['a case variant of name', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"crash"}}', INVALID],
    ['NUL in a key', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name\\u0000":"crash"}}', INVALID],
    ['an unknown member of the envelope', '{"jsonrpc":"2.0","id":1,"method":"tools/list","extra":1}', INVALID],
    ['__proto__ at the top', '{"jsonrpc":"2.0","id":1,"method":"tools/list","__proto__":{"x":1}}', INVALID],
    [
      '__proto__ in arguments',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"__proto__":{"x":1}}}}',
      INVALID,
    ],
    [
      '__proto__ escaped',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"\\u005f_proto__":{"x":1}}}}',
      INVALID,
    ],
    [
      'constructor.prototype',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"constructor":{"prototype":{}}}}}',
      INVALID,
    ],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"tools/list"}', INVALID],
    ['an id that is an array', '{"jsonrpc":"2.0","id":[1],"method":"tools/list"}', INVALID],
    ['an id that is true', '{"jsonrpc":"2.0","id":true,"method":"tools/list"}', INVALID],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"tools/list"}', INVALID],
    ['a method that is a number', '{"jsonrpc":"2.0","id":1,"method":7}', INVALID],
    ['params that are a text', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":"x"}', INVALID],
    ['a result and an error', '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}', INVALID],
    ['a request that is an answer as well', '{"jsonrpc":"2.0","id":1,"method":"tools/list","result":{}}', INVALID],
    ['a batch, which this revision does not have', '[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]', INVALID],
    ['depth 65', nested(65), INVALID],
    ['depth 100,000', nested(100_000), INVALID],
    ['10,001 keys', `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{${keys}}}}`, INVALID],
    ['a trailing value', '{"jsonrpc":"2.0","id":1,"method":"tools/list"} {}', MALFORMED],
    ['a trailing comma', '{"jsonrpc":"2.0","id":1,"method":"tools/list",}', MALFORMED],
    ['a comment', '{"jsonrpc":"2.0","id":1,"method":"tools/list"/**/}', MALFORMED],
    ['single quotes', "{'jsonrpc':'2.0','id':1,'method':'tools/list'}", MALFORMED],
    ['NaN', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":NaN}}', MALFORMED],
    ['a leading zero', '{"jsonrpc":"2.0","id":01,"method":"tools/list"}', MALFORMED],
    ['a raw line feed in a text', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ec\nho"}}', MALFORMED],
    ['the byte ff', Buffer.from('{"jsonrpc":"2.0","id":"\xff","method":"tools/list"}', 'latin1'), MALFORMED],
    ['an overlong NUL', Buffer.from('{"jsonrpc":"2.0","id":"\xc0\x80","method":"tools/list"}', 'latin1'), MALFORMED],
    ['an encoded surrogate', Buffer.from('{"jsonrpc":"2.0","id":"\xed\xa0\x80","method":"tools/list"}', 'latin1'), MALFORMED],
    ['a byte order mark', '\ufeff{"jsonrpc":"2.0","id":1,"method":"tools/list"}', MALFORMED],
    ['UTF-16', Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/list"}', 'utf16le'), MALFORMED],
    ['nothing', '', MALFORMED],
    ['blanks', '  \n ', MALFORMED],
  ];
  for (const [name, body, expected] of bodies) {
    it(`a body with ${name} answers 400`, async () => {
      assertRefused(await send(body), expected);
    });
  }

  const list = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
  const twice: readonly (readonly [string, string, string])[] = [
    ['Mcp-Session-Id', '', 'other'],
    ['MCP-Protocol-Version', '2025-11-25', '2025-06-18'],
    ['Content-Type', 'application/json', 'text/plain'],
    ['Origin', 'http://localhost', 'http://evil.example'],
    ['Authorization', 'Bearer a', 'Bearer b'],
    ['Last-Event-ID', 'a.1', 'b.1'],
    ['Host', '127.0.0.1', 'evil.example'],
  ];
  for (const [name, first, second] of twice) {
    it(`${name} sent twice answers 400`, async () => {
      const base = POST_HEADERS.filter(([given]) => given.toLowerCase() !== name.toLowerCase());
      const session = name === 'Mcp-Session-Id' || name === 'MCP-Protocol-Version' ? [] : Object.entries(open.headers);
      const headers = [...base, ...session, [name, first || open.session], [name, second]] as Pairs;
      const answer = await rawRequest(bridge.port, { path: PATH, headers, body: list });
      assert.equal(answer.status, 400, answer.text);
      assertNothingInside(answer.text);
    });
  }

  for (const host of [
    'evil.example',
    `evil.example:80`,
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'user@127.0.0.1',
    '[::1',
    '',
  ]) {
    it(`Host ${host || 'empty'} is refused`, async () => {
      const answer = await rawRequest(bridge.port, {
        path: PATH,
        headers: [['Host', host], ...POST_HEADERS, ...Object.entries(open.headers)],
        body: list,
      });
      assert.ok([400, 403].includes(answer.status), `${answer.status} ${answer.text}`);
      if (host.includes('evil')) assertRefused(answer, { status: 403, code: -32000, reason: 'request.host' });
    });
  }

  for (const host of ['localhost', '127.0.0.1', 'localhost:1234', '[::1]']) {
    it(`Host ${host} is served`, async () => {
      const answer = await rawRequest(bridge.port, {
        path: PATH,
        headers: [['Host', host], ...POST_HEADERS, ...Object.entries(open.headers)],
        body: list,
      });
      assert.equal(answer.status, 200, answer.text);
    });
  }

  for (const origin of [
    'http://evil.example',
    'null',
    'http://localhost.evil.example',
    'http://127.0.0.1@evil.example',
    'file://',
    'garbage',
  ]) {
    for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS']) {
      it(`${method} with Origin ${origin} answers 403`, async () => {
        const headers = [...POST_HEADERS, ...Object.entries(open.headers), ['Origin', origin]] as Pairs;
        const answer = await rawRequest(bridge.port, { method, path: PATH, headers, body: method === 'POST' ? list : '' });
        if (method === 'OPTIONS') assert.ok(answer.status >= 400, `${answer.status}`);
        else assertRefused(answer, { status: 403, code: -32000, reason: 'request.origin' });
        assert.equal(answer.headers.get('access-control-allow-origin'), undefined);
      });
    }
  }

  it('the refusal of a foreign Origin does not end the session', async () => {
    assert.equal((await send(list)).status, 200);
  });

  it('no content type answers 415', async () => {
    assertRefused(await send(list, [], without('Content-Type')), { status: 415, code: -32000, reason: 'request.content_type' });
  });

  it('a content encoding answers 415', async () => {
    assertRefused(await send(list, [['Content-Encoding', 'gzip']]), { status: 415, code: -32000, reason: 'request.content_type' });
  });

  const sized = (bytes: number): string => {
    const empty = JSON.stringify(toolCall('big', 'echo', { text: '' }));
    return JSON.stringify(toolCall('big', 'echo', { text: 'y'.repeat(bytes - empty.length) }));
  };
  const chunked = (body: string): Uint8Array => Buffer.from(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);

  for (const [bytes, name] of [
    [4 * MIB - 1, '4 MiB - 1'],
    [4 * MIB, '4 MiB'],
  ] as const) {
    it(`a body of ${name} is served, whole`, async () => {
      const body = sized(bytes);
      assert.equal(body.length, bytes);
      const answer = await post(bridge.url('hostile'), body, open.headers);
      assert.equal(answer.status, 200, answer.text.slice(0, 300));
      assert.equal(textOf(answer.messages.at(-1))?.length, bytes - JSON.stringify(toolCall('big', 'echo', { text: '' })).length);
    });
  }

  it('a body of 4 MiB + 1 answers 413', async () => {
    assertRefused(await send(sized(4 * MIB + 1)), { status: 413, code: -32000, reason: 'request.too_large' });
  });

  it('a body of 4 MiB + 1 in chunks answers 413', async () => {
    assertRefused(await send(chunked(sized(4 * MIB + 1)), [['Transfer-Encoding', 'chunked']]), {
      status: 413,
      code: -32000,
      reason: 'request.too_large',
    });
  });

  const start = `POST ${PATH} HTTP/1.1\r\n`;
  const smuggled: readonly (readonly [string, string])[] = [
    ['two lengths', `${start}Host: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
    ['a length and chunks', `${start}Host: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a folded header', `${start}Host: localhost\r\nX-A: 1\r\n 2\r\n\r\n`],
    ['NUL in a header', `${start}Host: localhost\r\nMcp-Session-Id: a\0b\r\n\r\n`],
    ['a bare line feed', `${start}Host: localhost\nMcp-Session-Id: a\r\n\r\n`],
    ['no Host', `${start}Content-Length: 0\r\n\r\n`],
    ['a bare CR in a header', `${start}Host: localhost\r\nMcp-Session-Id: a\rSet-Cookie: x=1\r\n\r\n`],
    ['a space before the colon', `${start}Host: localhost\r\nContent-Length : 5\r\n\r\nhello`],
  ];
  for (const [name, bytes] of smuggled) {
    it(`a request with ${name} answers 400`, async () => {
      const answer = await rawBytes(bridge.port, Buffer.from(bytes, 'latin1'));
      assert.equal(answer.status, 400, answer.text);
      assert.equal(answer.headers.get('set-cookie'), undefined);
      assertNothingInside(answer.text);
    });
  }

  it('headers above 16 KiB answer 431', async () => {
    const answer = await send(list, [['X-Long', 'h'.repeat(20 * 1024)]]);
    assert.equal(answer.status, 431);
    assertNothingInside(answer.text);
  });

  it('nothing of all this reached a child, and the session goes on', async () => {
    const answer = await post(bridge.url('hostile'), toolCall('after', 'echo', { text: 'still here' }), open.headers);
    assert.equal(textOf(answer.messages.at(-1)), 'still here');
    assert.equal(await ledger.starts(), 1);
    const seen = new Set((await ledger.entries()).map(({ method, name }) => name ?? method));
    assert.deepEqual(seen, new Set(['START', 'initialize', 'notifications/initialized', 'tools/list', 'echo']));
  });
});
