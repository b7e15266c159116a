/**
 * What 2026-07-28 requires of a request before it is served, step by step, by raw sockets: the status and code of
 * each step, the id of the request in every refusal, and of two faults the earlier step's answer.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLedger } from '../harness/ledger.ts';
import { hostile, openCauseway, stdio2025, stdio2026, type Causeway } from '../harness/processes.ts';
import { POST_HEADERS, rawRequest, type RawAnswer } from '../harness/raw.ts';
import { assertNothingInside } from '../harness/refusal.ts';
import type { Message } from '../harness/speak.ts';
import { call, headersOf, meta, PREFIX, request, UNABLE, type Fields } from '../harness/stateless.ts';

type Given = Readonly<Record<string, string | undefined>>;
const SERVERS = ['legacy', 'modern'] as const;
const VERSION = `${PREFIX}protocolVersion`;
const CAPABILITIES = `${PREFIX}clientCapabilities`;

interface Step {
  readonly fault: string;
  readonly message: Message | string;
  /** Changes to the headers that the message would have; `undefined` leaves one out. */
  readonly headers?: Given;
  readonly status: number;
  readonly code?: number;
  readonly data?: Fields;
}

const good = call(7, 'test_simple_text');
const bare = (more: Fields): Message => ({ ...good, params: { ...good.params, ...more } });
const refused = (code: number) => ({ status: 400, code });
const MISMATCH = refused(-32020);
const UNSUPPORTED = { ...refused(-32022), data: { supported: ['2026-07-28'], requested: '2099-01-01' } };
const later = request(7, 'server/discover', {}, { [VERSION]: '2099-01-01' });
const tasks = ['list', 'result', 'get', 'update', 'cancel', 'anything'].map((method) => `tasks/${method}`);
const removed = ['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', ...tasks];

const STEPS: readonly Step[] = [
  { fault: '0: a foreign Host', message: good, headers: { host: 'evil.example.com' }, status: 403 },
  { fault: '0: a foreign Origin', message: good, headers: { origin: 'https://evil.example.com' }, status: 403 },
  { fault: '2: another content type', message: good, headers: { 'content-type': 'text/plain' }, status: 415, code: -32000 },
  {
    fault: '3: a body over the limit',
    message: call(7, 'test_simple_text', { fill: 'x'.repeat(5 * 1024 * 1024) }),
    status: 413,
    code: -32000,
  },
  { fault: '4: no JSON', message: '{"jsonrpc":"2.0",', headers: headersOf(good), ...refused(-32700) },
  { fault: '5: a batch with a request of the era', message: JSON.stringify([good]), headers: headersOf(good), ...refused(-32600) },
  { fault: '5: no JSON-RPC', message: '{"jsonrpc":"2.0","id":7}', headers: headersOf(good), ...refused(-32600) },
  { fault: '6: another version in the header', message: good, headers: { 'mcp-protocol-version': '2025-11-25' }, ...MISMATCH },
  { fault: '6: another version in the body', message: later, headers: { 'mcp-protocol-version': '2026-07-28' }, ...MISMATCH },
  { fault: '6: another method in the header', message: good, headers: { 'mcp-method': 'tools/list' }, ...MISMATCH },
  { fault: '6: the method in another case', message: good, headers: { 'mcp-method': 'Tools/Call' }, ...MISMATCH },
  { fault: '7: no metadata', message: bare({ _meta: undefined }), ...refused(-32602) },
  { fault: '7: no params', message: { jsonrpc: '2.0', id: 7, method: 'tools/list' }, ...refused(-32602) },
  { fault: '7: no version in the metadata', message: bare({ _meta: meta({ [VERSION]: undefined }) }), ...refused(-32602) },
  { fault: '7: no capabilities', message: bare({ _meta: meta({ [CAPABILITIES]: undefined }) }), ...refused(-32602) },
  { fault: '7: capabilities that are no object', message: bare({ _meta: meta({ [CAPABILITIES]: [] }) }), ...refused(-32602) },
  { fault: '7: an unknown log level', message: bare({ _meta: meta({ [`${PREFIX}logLevel`]: 'loud' }) }), ...refused(-32602) },
  { fault: '8: a version that is not served', message: later, ...UNSUPPORTED },
  {
    fault: '8: a version of the other era',
    message: request(7, 'tools/list', {}, { [VERSION]: '2025-11-25' }),
    ...refused(-32022),
    data: { supported: ['2026-07-28'], requested: '2025-11-25' },
  },
  { fault: '9: no version header', message: good, headers: { 'mcp-protocol-version': undefined }, ...MISMATCH },
  { fault: '9: no Mcp-Method', message: good, headers: { 'mcp-method': undefined }, ...MISMATCH },
  { fault: '9: no Mcp-Name', message: good, headers: { 'mcp-name': undefined }, ...MISMATCH },
  { fault: '9: another name', message: good, headers: { 'mcp-name': 'test_image_content' }, ...MISMATCH },
  { fault: '9: the name in another case', message: good, headers: { 'mcp-name': 'TEST_SIMPLE_TEXT' }, ...MISMATCH },
  { fault: '9: a name that cannot be decoded', message: good, headers: { 'mcp-name': '=?base64?*?=' }, ...MISMATCH },
  { fault: '10: an argument without its header', message: call(7, 'test_x_mcp_header', { region: 'eu' }), ...MISMATCH },
  {
    fault: '11: a question to a client that cannot answer it',
    message: call(7, 'test_missing_capability', {}, UNABLE),
    ...refused(-32021),
    data: { requiredCapabilities: { sampling: {} } },
  },
  { fault: '12: an unknown method', message: request(7, 'no/such'), status: 404, code: -32601 },
  ...removed.map((method) => ({
    fault: `12: ${method}, which this revision has not`,
    message: request(7, method),
    status: 404,
    code: -32601,
  })),
  { fault: '13: an unknown tool', message: call(7, 'no_such_tool'), status: 200, code: -32602 },
  { fault: '13: an unknown resource', message: request(7, 'resources/read', { uri: 'test://no/such' }), status: 200, code: -32602 },
  { fault: '13: an unknown prompt', message: request(7, 'prompts/get', { name: 'no_such' }), status: 200, code: -32602 },
];

/** Two faults at once: what is answered is the first. */
const BOTH: readonly Step[] = [
  {
    fault: '0 before 4',
    message: '{"jsonrpc":',
    headers: { ...headersOf(good), origin: 'https://evil.example.com' },
    status: 403,
  },
  { fault: '2 before 4', message: '{"jsonrpc":', headers: { ...headersOf(good), 'content-type': 'text/plain' }, status: 415, code: -32000 },
  { fault: '6 before 8', message: later, headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': undefined }, ...MISMATCH },
  {
    fault: '7 before 8',
    message: request(7, 'tools/list', {}, { [VERSION]: '2099-01-01', [CAPABILITIES]: undefined }),
    ...refused(-32602),
  },
  { fault: '7 before 9', message: bare({ _meta: undefined }), headers: { 'mcp-method': undefined }, ...refused(-32602) },
  { fault: '8 before 9', message: later, headers: { 'mcp-method': undefined }, ...UNSUPPORTED },
  { fault: '9 before 11', message: call(7, 'test_missing_capability', {}, UNABLE), headers: { 'mcp-name': undefined }, ...MISMATCH },
  { fault: '9 before 12', message: request(7, 'no/such'), headers: { 'mcp-method': undefined }, ...MISMATCH },
  { fault: '9 before 13', message: call(7, 'no_such_tool'), headers: { 'mcp-name': undefined }, ...MISMATCH },
];

describe('the steps that a 2026-07-28 request passes', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let bridge: Causeway;
  before(async () => {
    bridge = stack.use(
      await openCauseway('run', {
        servers: { legacy: stdio2025(), modern: stdio2026(), hostile: hostile({ ...ledger.env, ERA: 'modern' }) },
      }),
    );
    // One that is still starting may be answered by a stream that was begun meanwhile, and then no status is left to choose.
    for (const server of SERVERS) assert.match((await send(server, call(7, 'test_x_mcp_header'))).text, /region=<none>/);
  });
  after(() => stack.disposeAsync());

  const send = (server: string, message: Message | string, changes: Given = {}, method = 'POST'): Promise<RawAnswer> => {
    const usual = Object.fromEntries(POST_HEADERS.map(([name, value]) => [name.toLowerCase(), value]));
    const all = { ...usual, ...(typeof message === 'string' ? {} : headersOf(message)), ...changes };
    const headers = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const body = typeof message === 'string' ? message : JSON.stringify(message);
    return rawRequest(bridge.port, { method, path: `/servers/${server}/mcp`, headers, body });
  };

  async function assertStep(server: string, { message, headers, status, code, data }: Step): Promise<void> {
    const answer = await send(server, message, headers);
    assert.equal(answer.status, status, answer.text.slice(0, 500));
    assertNothingInside(answer.text);
    assert.equal(answer.headers.get('mcp-session-id'), undefined);
    if (code === undefined) return;
    const said = JSON.parse(answer.text) as Message;
    assert.equal(said.error?.code, code, answer.text.slice(0, 500));
    if (typeof message !== 'string' && status !== 413 && status !== 415) assert.equal(said.id, 7, 'the id of the request');
    for (const [key, value] of Object.entries(data ?? {})) assert.deepEqual(said.error.data?.[key], value);
  }

  it('12: nothing of tasks reaches a server', async () => {
    for (const method of tasks) assert.equal((await send('hostile', request(7, method))).status, 404);
    assert.equal((await send('hostile', call(7, 'echo'))).status, 200);
    const reached = (await ledger.entries()).map(({ method = '' }) => method);
    assert.deepEqual(
      tasks.filter((method) => reached.includes(method)),
      [],
    );
  });

  for (const server of SERVERS) {
    for (const step of STEPS) it(`${server}: ${step.fault}`, () => assertStep(server, step));
    for (const step of BOTH) it(`${server}: ${step.fault}`, () => assertStep(server, step));

    it(`${server}: what has no fault is served`, async () => {
      const answer = await send(server, good);
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.text, /This is a simple text response for testing/);
    });

    it(`${server}: a client need not say who it is`, async () => {
      const answer = await send(server, request(7, 'server/discover', {}, { [`${PREFIX}clientInfo`]: undefined }));
      assert.equal(answer.status, 200, answer.text);
    });

    for (const method of ['PUT', 'PATCH']) {
      it(`${server}: 1: ${method}`, async () => {
        const answer = await send(server, good, {}, method);
        assert.equal(answer.status, 405, answer.text);
        assert.match(answer.headers.get('allow') ?? '', /POST/);
      });
    }

    // On this URL GET and DELETE are of the revisions with sessions; without a session neither is served.
    for (const method of ['GET', 'DELETE']) {
      it(`${server}: 1: ${method} of a client that names this revision`, async () => {
        const headers = { accept: 'text/event-stream', 'content-type': undefined, 'mcp-protocol-version': '2026-07-28' };
        const answer = await send(server, '', headers, method);
        assert.ok([400, 405].includes(answer.status), `${answer.status} ${answer.text}`);
      });
    }
  }

  for (const id of ['0', '""', '"1"', '1', '-1', '9007199254740993', '"\\u0041\\n"', '"__proto__"', `"${'i'.repeat(2_000)}"`]) {
    it(`the id ${id.slice(0, 30)} stands in refusals, errors and results byte for byte`, async () => {
      const as = (message: Message) => JSON.stringify(message).replace('"id":7', `"id":${id}`);
      for (const [message, headers] of [
        [good, headersOf(good)],
        [good, { ...headersOf(good), 'mcp-method': 'tools/list' }],
        [later, headersOf(later)],
        [request(7, 'no/such'), headersOf(request(7, 'no/such'))],
        [call(7, 'no_such_tool'), headersOf(call(7, 'no_such_tool'))],
      ] as const) {
        const answer = await send('legacy', as(message), headers);
        assert.ok(answer.text.includes(`"id":${id}`), answer.text.slice(0, 500));
      }
    });
  }
});
