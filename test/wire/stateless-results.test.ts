/**
 * What answers of 2026-07-28 look like in front of servers of each era: the type of every result, what may be cached,
 * who the server is, and errors of the other era in this one's words.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, stdio2025, stdio2026, type Causeway } from '../harness/processes.ts';
import type { Message } from '../harness/speak.ts';
import { ask, call, PREFIX, request, retry, told, UNABLE, wantedBy, type Fields } from '../harness/stateless.ts';

const CACHEABLE: readonly (readonly [string, Fields])[] = [
  ['server/discover', {}],
  ['tools/list', {}],
  ['prompts/list', {}],
  ['resources/list', {}],
  ['resources/templates/list', {}],
  ['resources/read', { uri: 'test://static-text' }],
];
const OTHER: readonly (readonly [string, Fields])[] = [
  ['tools/call', { name: 'test_simple_text', arguments: {} }],
  ['prompts/get', { name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } }],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 'par' } }],
];
/** A line of hostile.mjs with an error of the 2025 revisions. */
const failing = (error: Fields) => call(1, 'line', { line: `{"jsonrpc":"2.0","id":$ID,"error":${JSON.stringify(error)}}` });

/** Its answers are no JSON-RPC, for want of a version. */
const WORDLESS = {
  command: process.execPath,
  args: ['-e', 'process.stdin.on("data", () => console.log(JSON.stringify({ id: 1, result: {} })))'],
};

describe('results of 2026-07-28', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  before(async () => {
    const hostiles = { hostile: hostile(), 'hostile-modern': hostile({ ERA: 'modern' }) };
    const servers = { legacy: stdio2025(), modern: stdio2026(), ...hostiles, wordless: WORDLESS };
    bridge = stack.use(await openCauseway('run', { servers }));
  });
  after(() => stack.disposeAsync());

  for (const server of ['hostile', 'hostile-modern']) {
    it(`${server}: an answer that parsers would read differently ends nothing but its call`, async () => {
      const lines = ['"result":{"content":[],"a":1,"a":2}', '"error":{"code":1,"code":2,"message":"x"}'];
      for (const line of lines) {
        const answer = await ask(bridge.url(server), call(1, 'line', { line: `{"jsonrpc":"2.0","id":$ID,${line}}` }));
        assert.equal(answer.status, 200, answer.text);
      }
      const { result } = await told(bridge.url(server), call(2, 'echo', { text: 'still here' }));
      assert.match(JSON.stringify(result), /still here/);
    });
  }

  it('a server whose answers are none is told as one that does not start, to whoever discovers it', async () => {
    const { status, headers, messages } = await ask(bridge.url('wordless'), request('d', 'server/discover'));
    assert.deepEqual([status, messages[0]?.error?.data?.['reason']], [503, 'server.start_failed']);
    assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    assert.deepEqual(
      bridge.logs.items.filter(({ level }) => level === 'error'),
      [],
    );
  });

  it('what a server with a handshake asks for comes to its client as it was written', async () => {
    const params =
      '"message":"h\\u00e9","requestedSchema":{"type":"object","properties":{"n":{"type":"integer","maximum":9223372036854775807}}}';
    const line = `{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{${params}}}`;
    const { text } = await ask(bridge.url('hostile'), call(1, 'line', { line }));
    assert.ok(text.includes(`"method":"elicitation/create","params":{${params}}`), text);
  });

  for (const [server, name] of [
    ['legacy', 'stdio-2025'],
    ['modern', 'stdio-2026'],
  ] as const) {
    for (const [method, params] of [...CACHEABLE, ...OTHER]) {
      it(`${server}: ${method} says its type, its server${CACHEABLE.some(([listed]) => listed === method) ? ', and how long it holds' : ''}`, async () => {
        const { result } = await told(bridge.url(server), request(1, method, params));
        assert.equal(result?.['resultType'], 'complete');
        assert.equal((result['_meta'] as Record<string, { name?: string }>)[`${PREFIX}serverInfo`]?.name, name);
        if (!CACHEABLE.some(([listed]) => listed === method)) return assert.ok(!('ttlMs' in result) && !('cacheScope' in result));
        assert.ok(Number.isInteger(result['ttlMs']) && (result['ttlMs'] as number) >= 0);
        assert.ok(['public', 'private'].includes(result['cacheScope'] as string));
      });
    }

    it(`${server}: discovery names one revision and what the server can do`, async () => {
      const { result } = await told(bridge.url(server), request('d', 'server/discover'));
      assert.deepEqual(result?.['supportedVersions'], ['2026-07-28']);
      assert.deepEqual(Object.keys(result['capabilities'] as object).toSorted(), [
        'completions',
        'logging',
        'prompts',
        'resources',
        'tools',
      ]);
    });

    it(`${server}: an answer without notifications is one JSON object, with no trace of a session`, async () => {
      const answer = await ask(bridge.url(server), call(1, 'test_simple_text'));
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
      assert.equal(answer.headers.get('mcp-session-id'), null);
      assert.equal(answer.messages.length, 1);
    });

    it(`${server}: what wants input is not cached, and says what it wants`, async () => {
      const message = call(1, 'test_input_required_result_multiple_inputs');
      const wanted = wantedBy(await told(bridge.url(server), message));
      assert.deepEqual(
        Object.values(wanted.inputRequests)
          .map(({ method }) => method)
          .toSorted(),
        ['elicitation/create', 'roots/list', 'sampling/createMessage'],
      );
      assert.ok(!('ttlMs' in wanted));
      const done = await told(bridge.url(server), retry(message, 2, wanted));
      assert.equal(done.result?.['resultType'], 'complete');
    });

    it(`${server}: of two questions, one that the client cannot answer is not asked`, async () => {
      const able = { [`${PREFIX}clientCapabilities`]: { sampling: {} } };
      const { inputRequests } = wantedBy(await told(bridge.url(server), call(1, 'test_input_required_result_capabilities', {}, able)));
      assert.deepEqual(
        Object.values(inputRequests).map(({ method }) => method),
        ['sampling/createMessage'],
      );
    });

    it(`${server}: the input schema of a tool arrives as it was written`, async () => {
      const { result } = await told(bridge.url(server), request(1, 'tools/list'));
      const tools = result!['tools'] as readonly { readonly name: string; readonly inputSchema: Fields; readonly execution?: unknown }[];
      assert.deepEqual(Object.keys(tools.find(({ name }) => name === 'json_schema_2020_12_tool')!.inputSchema), [
        ...['$schema', 'type', '$defs', 'properties', 'allOf', 'if', 'then', 'else', 'additionalProperties'],
      ]);
      assert.ok(tools.every(({ execution }) => execution === undefined));
    });

    it(`${server}: a resource that is not there is -32602, and says which`, async () => {
      const { error } = await told(bridge.url(server), request(1, 'resources/read', { uri: 'test://no/such' }));
      assert.equal(error?.code, -32602);
      assert.equal(error.data?.['uri'], 'test://no/such');
    });
  }

  for (const server of ['hostile', 'hostile-modern']) {
    it(`${server}: errors of the server come as they are`, async () => {
      const error = { code: 4711, message: 'of my own', data: { deep: [1] } };
      assert.deepEqual((await told(bridge.url(server), failing(error))).error, error);
      const invalid = { code: -32602, message: 'no such thing' };
      const answer = await ask(bridge.url(server), failing(invalid));
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.messages.at(-1)?.error, invalid);
    });

    it(`${server}: "method not found" of a tool is an answer, of a method that the server has not it is a status`, async () => {
      const unknown = { code: -32601, message: 'Unknown tool' };
      const answer = await ask(bridge.url(server), failing(unknown));
      assert.deepEqual([answer.status, answer.messages.at(-1)?.error], [200, unknown]);
      const { status, messages } = await ask(bridge.url(server), request(2, 'no/such'));
      assert.deepEqual([status, messages[0]?.error?.code], [404, -32601]);
    });

    it(`${server}: numbers that JavaScript cannot hold pass unchanged`, async () => {
      const fields = '"structuredContent":{"big":9007199254740993,"tiny":1e400,"minus":-0,"exact":1.10}';
      const result = `{${server === 'hostile' ? '' : '"resultType":"complete",'}"content":[],${fields}}`;
      const answer = await ask(bridge.url(server), call(1, 'verbatim', { result }));
      assert.ok(answer.text.includes(fields), answer.text);
    });
  }

  describe('-32042 of a 2025 server, which sends its client to a page first', () => {
    const asked = { mode: 'url', elicitationId: 'e1', url: 'https://example.com/sign-in', message: 'Sign in' };
    const message = failing({ code: -32042, message: 'sign in first', data: { elicitations: [asked] } });
    const wanted = async (more: Fields = {}): Promise<Message> =>
      told(bridge.url('hostile'), { ...message, params: { ...message.params, ...more } });

    it('becomes a question, and the retry is a new call', async () => {
      const { inputRequests } = wantedBy(await wanted());
      const [question] = Object.values(inputRequests);
      assert.equal(question?.method, 'elicitation/create');
      assert.deepEqual(question.params, { mode: 'url', url: asked.url, message: asked.message });
    });

    it('is refused for a client that opens no pages', async () => {
      const forms = call(1, 'line', message.params!['arguments'] as Fields, {
        [`${PREFIX}clientCapabilities`]: { elicitation: { form: {} } },
      });
      for (const unable of [forms, call(1, 'line', message.params!['arguments'] as Fields, UNABLE)]) {
        const answer = await ask(bridge.url('hostile'), unable);
        assert.equal(answer.status, 400, answer.text);
        assert.equal(answer.messages.at(-1)?.error?.code, -32021);
      }
    });
  });
});
