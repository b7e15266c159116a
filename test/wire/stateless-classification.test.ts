/**
 * One URL for all revisions: the body decides which era a request is of, headers only confirm it, and neither era
 * sees anything of the other.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, stdio2025, stdio2026, type Causeway } from '../harness/processes.ts';
import { hello, openStream, post, textOf, toolCall, type Answer, type Headers, type Message } from '../harness/speak.ts';
import { ask, call, headersOf, meta, PREFIX, request, told, type Fields } from '../harness/stateless.ts';

const MODERN: Headers = { 'mcp-protocol-version': '2026-07-28' };
const initialize = (params: Fields = {}): Message => ({
  jsonrpc: '2.0',
  id: 'i',
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' }, ...params },
});
const SERVERS = ['legacy', 'modern', 'dual'] as const;

/** Keys and codes that only clients of 2026-07-28 know. */
const MODERN_ONLY = /"resultType"|"ttlMs"|"cacheScope"|"input_required"|-3202\d|io\.modelcontextprotocol\/(serverInfo|subscriptionId)/;

describe('the era of a request', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let url: string;
  before(async () => {
    const servers = { legacy: stdio2025(), modern: stdio2026(), dual: stdio2026('dual'), hostile: hostile() };
    bridge = stack.use(await openCauseway('run', { servers }));
    url = bridge.url('legacy');
  });
  after(() => stack.disposeAsync());

  const assertError = (answer: Answer, status: number, code: number): void => {
    assert.equal(answer.status, status, answer.text.slice(0, 500));
    assert.equal(answer.messages.at(-1)?.error?.code, code, answer.text.slice(0, 500));
  };

  it('initialize opens a session, whatever Mcp-Method says beside it', async () => {
    for (const headers of [{}, { 'mcp-method': 'initialize' }, { 'mcp-method': 'initialize', 'mcp-protocol-version': '2025-11-25' }]) {
      const answer = await post(url, initialize(), headers);
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.headers.get('mcp-session-id') ?? '', /^[\x21-\x7e]+$/);
      assert.doesNotMatch(answer.text, MODERN_ONLY);
    }
  });

  it('initialize under a header of 2026-07-28 is a contradiction', async () => {
    assertError(await post(url, initialize(), MODERN), 400, -32020);
  });

  it('initialize with whole metadata of 2026-07-28 is a method that this revision has not', async () => {
    assertError(await ask(url, request('i', 'initialize')), 404, -32601);
  });

  it('initialize with half of that metadata opens a session', async () => {
    const answer = await post(url, initialize({ _meta: { [`${PREFIX}protocolVersion`]: '2026-07-28' } }));
    assert.equal(answer.status, 200, answer.text);
    assert.notEqual(answer.headers.get('mcp-session-id'), null);
  });

  it('a request of 2026-07-28 with the id of a session is served without it, and the session goes on', async () => {
    const target = bridge.url('hostile');
    const { headers } = await hello(target);
    const session = { 'mcp-session-id': headers['mcp-session-id']! };
    const count = async () => textOf((await post(target, toolCall(1, 'count'), headers)).messages.at(-1));
    assert.equal(await count(), '1');
    const answer = await ask(target, call(2, 'pid'), session);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.get('mcp-session-id'), null);
    const own = textOf((await post(target, toolCall(3, 'pid'), headers)).messages.at(-1));
    assert.notEqual(textOf(answer.messages.at(-1)), own, 'a session has a process of its own');
    assert.equal(await count(), '2');
  });

  it('a request without metadata is of a session, whatever Mcp-Method says', async () => {
    const { headers } = await hello(url);
    const listed = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const answer = await post(url, listed, { ...headers, 'mcp-method': 'tools/call', 'mcp-name': 'nothing' });
    assert.equal(answer.status, 200, answer.text);
    assert.doesNotMatch(answer.text, MODERN_ONLY);
    assertError(await post(url, listed), 400, -32000);
  });

  it('a request without metadata under a header of 2026-07-28 is refused, session or not', async () => {
    const { headers } = await hello(url);
    const listed = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    assertError(await post(url, listed, { ...MODERN, 'mcp-method': 'tools/list' }), 400, -32602);
    assertError(await post(url, listed, { ...headers, ...MODERN }), 400, -32602);
  });

  it('metadata that names a 2025 revision is refused with what is served', async () => {
    const message = request(1, 'tools/list', {}, { [`${PREFIX}protocolVersion`]: '2025-11-25' });
    const answer = await ask(url, message);
    assertError(answer, 400, -32022);
    assert.deepEqual(answer.messages[0]?.error?.data?.['supported'], ['2026-07-28']);
  });

  it('a batch is of 2025-03-26, and none of its messages may be of 2026-07-28', async () => {
    const { headers } = await hello(url, '2025-03-26');
    const legacy = [
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', id: 2, method: 'ping' },
    ];
    assert.equal((await post(url, legacy, headers)).status, 200);
    assertError(await post(url, [...legacy, call(3, 'test_simple_text')], headers), 400, -32600);
    assertError(await post(url, [call(3, 'test_simple_text')], headersOf(call(3, 'test_simple_text'))), 400, -32600);
  });

  it('an answer to a question is of a session', async () => {
    const response = { jsonrpc: '2.0', id: 1, result: {} };
    const { headers } = await hello(url);
    assert.equal((await post(url, response, headers)).status, 202);
    const alone = await post(url, response, { ...MODERN });
    assert.equal(alone.status, 400, alone.text);
  });

  it('a notification of 2026-07-28 is accepted and does nothing', async () => {
    const cancelled: Message = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    for (const [message, headers] of [
      [cancelled, MODERN],
      [cancelled, { ...MODERN, 'mcp-method': 'notifications/cancelled' }],
      [{ ...cancelled, params: { ...cancelled.params, _meta: meta() } }, MODERN],
    ] as const) {
      const answer = await post(url, message, headers);
      assert.equal(answer.status, 202, answer.text);
      assert.equal(answer.text, '');
    }
    assertError(await post(url, cancelled, { ...MODERN, 'mcp-method': 'other' }), 400, -32020);
  });

  for (const server of ['modern', 'dual']) {
    it(`${server}: a client of 2025 that cannot sample gets no code of 2026-07-28 for it`, async () => {
      const target = bridge.url(server);
      const opened = await post(target, initialize());
      const headers = { 'mcp-session-id': opened.headers.get('mcp-session-id')!, 'mcp-protocol-version': '2025-11-25' };
      await post(target, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
      const answer = await post(target, toolCall(1, 'test_missing_capability'), headers);
      assert.equal(answer.status, 200, answer.text);
      assert.doesNotMatch(answer.text, MODERN_ONLY);
    });
  }

  for (const server of SERVERS) {
    it(`${server}: clients of 2025 see nothing that only clients of 2026-07-28 know`, async () => {
      const target = bridge.url(server);
      const { headers, result } = await hello(target);
      assert.equal(result['protocolVersion'], '2025-11-25');
      const asked: readonly (readonly [string, Fields?])[] = [
        ['ping'],
        ['tools/list'],
        ['prompts/list'],
        ['resources/list'],
        ['resources/templates/list'],
        ['resources/read', { uri: 'test://static-text' }],
        ['resources/read', { uri: 'test://no/such' }],
        ['resources/subscribe', { uri: 'test://watched-resource' }],
        ['logging/setLevel', { level: 'info' }],
        ['prompts/get', { name: 'test_simple_prompt' }],
        [
          'completion/complete',
          { ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 'pa' } },
        ],
        ['tools/call', { name: 'test_simple_text', arguments: {} }],
        ['tools/call', { name: 'no_such_tool' }],
        ['no/such'],
        ['tasks/list'],
        ['server/discover'],
      ];
      await using stream = await openStream(target, { headers });
      for (const [id, [method, params]] of asked.entries()) {
        const answer = await post(target, { jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) }, headers);
        assert.equal(answer.status, 200, `${method}: ${answer.text}`);
        assert.doesNotMatch(answer.text, MODERN_ONLY, method);
        assert.deepEqual(answer.messages.at(-1)?.id, id);
      }
      await post(target, toolCall('touch', 'test_touch_watched'), headers);
      await post(target, toolCall('change', 'test_trigger_tool_change'), headers);
      for (const { data } of stream.events.items) assert.doesNotMatch(data, MODERN_ONLY);
    });

    it(`${server}: clients of both eras are told the same`, async () => {
      const target = bridge.url(server);
      const { headers } = await hello(target);
      for (const [method, params] of [
        ['tools/list', {}],
        ['prompts/list', {}],
        ['resources/read', { uri: 'test://static-binary' }],
        ['tools/call', { name: 'json_schema_2020_12_tool', arguments: { name: 'n', email: 'e' } }],
        ['prompts/get', { name: 'test_prompt_with_image' }],
      ] as const) {
        const legacy = (await post(target, { jsonrpc: '2.0', id: 1, method, params }, headers)).messages.at(-1)?.result;
        const { resultType, ttlMs, cacheScope, _meta, ...modern } = (await told(target, request(1, method, params))).result!;
        assert.equal(resultType, 'complete');
        assert.deepEqual(modern, legacy);
        void [ttlMs, cacheScope, _meta];
      }
    });
  }
});
