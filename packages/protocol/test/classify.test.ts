/**
 * Which era a posted body is of, and what is refused before anybody is asked: the same as the official SDK says, over
 * generated requests. The SDK's classifier is pure; what it checks later (the revision, headers that must be there) is
 * asked of its HTTP entry.
 */
import { classifyInboundRequest, createMcpHandler, Server } from '@modelcontextprotocol/server';
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classify, type EraHeaders } from '../src/classify.ts';
import { CausewayError, ERRORS } from '../src/errors.ts';
import { FrameFault, readClientBody } from '../src/jsonrpc.ts';

const PREFIX = 'io.modelcontextprotocol/';

interface Given {
  readonly body: unknown;
  readonly headers: EraHeaders;
}

/** `legacy`, `modern`, or how it is refused. */
type Verdict = string;

function ours({ body, headers }: Given): Verdict {
  try {
    return classify(readClientBody(Buffer.from(JSON.stringify(body))), headers) === undefined ? 'legacy' : 'modern';
  } catch (error) {
    if (error instanceof FrameFault) return `400 ${error.kind === 'malformed' ? -32700 : -32600}`;
    assert.ok(error instanceof CausewayError, String(error));
    const { http, rpc } = ERRORS[error.reason];
    return `${http} ${rpc}`;
  }
}

const entry = createMcpHandler(() => new Server({ name: 'oracle', version: '1' }, { capabilities: {} }), { legacy: 'reject' });

async function theirs({ body, headers }: Given): Promise<Verdict> {
  const { version, method, name } = headers;
  const outcome = classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(version === undefined ? {} : { protocolVersionHeader: version }),
    ...(method === undefined ? {} : { mcpMethodHeader: method }),
    ...(name === undefined ? {} : { mcpNameHeader: name }),
  });
  if (outcome.kind === 'reject') return `${outcome.httpStatus} ${outcome.code}`;
  if (outcome.kind === 'legacy') return 'legacy';
  const sent = Object.entries({ 'mcp-protocol-version': version, 'mcp-method': method, 'mcp-name': name });
  const answer = await entry.fetch(
    new Request('http://127.0.0.1/mcp', {
      method: 'POST',
      headers: [['content-type', 'application/json'], ...sent.filter((pair): pair is [string, string] => pair[1] !== undefined)],
      body: JSON.stringify(body),
    }),
  );
  const { error } = answer.status === 400 ? ((await answer.json()) as { error: { code: number } }) : {};
  return error === undefined ? 'modern' : `400 ${error.code}`;
}

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined, freq: 3 });
const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;

const METHODS = ['tools/call', 'tools/list', 'prompts/get', 'resources/read', 'server/discover', 'initialize', 'tasks/get', 'no/such'];
const VERSIONS = ['2026-07-28', '2026-07-28', '2026-07-28', '2025-11-25', '2025-03-26', '2099-01-01', '1999-01-01'];

const meta = fc
  .record({
    version: maybe<unknown>(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...VERSIONS) }, fc.constantFrom<unknown>(7, null, {}))),
    capabilities: maybe<unknown>(fc.constantFrom<unknown>({}, {}, { sampling: {} }, { elicitation: { form: {} } }, [], 7, null)),
    info: maybe<unknown>(fc.constantFrom<unknown>({ name: 'n', version: '1' }, { name: 'n', version: '1' }, {}, 'x')),
    level: maybe<unknown>(fc.constantFrom<unknown>('debug', 'info', 'loud')),
    token: maybe<unknown>(fc.constantFrom<unknown>(0, 'p')),
  })
  .map(({ version, capabilities, info, level, token }) => ({
    [`${PREFIX}protocolVersion`]: version,
    [`${PREFIX}clientCapabilities`]: capabilities,
    [`${PREFIX}clientInfo`]: info,
    [`${PREFIX}logLevel`]: level,
    progressToken: token,
    'vendor.example/key': 1,
  }));

const params = fc.record({
  name: maybe(fc.constantFrom('tool', 'wërkzeug')),
  uri: maybe(fc.constantFrom('test://a')),
  taskId: maybe(fc.constantFrom('t1')),
  protocolVersion: maybe(fc.constantFrom('2025-11-25', '2026-07-28')),
  arguments: maybe(fc.constant({ a: 1 })),
  _meta: maybe(meta),
});

const message = fc.record({
  jsonrpc: fc.constant('2.0'),
  id: maybe(fc.constantFrom<unknown>(0, 1, '', 'a')),
  method: fc.constantFrom(...METHODS),
  params: maybe(params),
});
const response = fc.constantFrom({ jsonrpc: '2.0', id: 1, result: {} }, { jsonrpc: '2.0', id: 1, error: { code: 1, message: 'm' } });
const body: fc.Arbitrary<unknown> = fc.oneof<fc.WeightedArbitrary<unknown>[]>(
  { weight: 12, arbitrary: message },
  { weight: 1, arbitrary: response },
  { weight: 1, arbitrary: fc.array(fc.oneof(message, response), { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(7, null, 'x', {}, [], { jsonrpc: '2.0' }, { jsonrpc: '1.0', id: 1, method: 'ping' }) },
);

/** Headers that often say what the body says. */
const given: fc.Arbitrary<Given> = body.chain((made) => {
  // As it arrives: what is undefined is not there.
  const one = JSON.parse(JSON.stringify(made)) as unknown;
  const { method, params: its } = (one ?? {}) as {
    method?: string;
    params?: { name?: string; uri?: string; taskId?: string; _meta?: object };
  };
  const version = (its?._meta as Record<string, unknown> | undefined)?.[`${PREFIX}protocolVersion`];
  const named = method === 'resources/read' ? its?.uri : method === 'tasks/get' ? its?.taskId : its?.name;
  const ascii = named !== undefined && /^[\x20-\x7e]*$/.test(named);
  return fc.record({
    body: fc.constant(one),
    headers: fc.record({
      version: maybe(fc.constantFrom(...(typeof version === 'string' ? [version, version, version, ` ${version}\t`] : []), ...VERSIONS)),
      method: maybe(fc.constantFrom(...(method === undefined ? ['x'] : [method, method, method, ` ${method} `]), 'Tools/Call', 'other')),
      name: maybe(
        fc.constantFrom(
          ...(named === undefined ? [] : [base64(named), ` ${base64(named)} `]),
          ...(ascii ? [named, named, `\t${named}`] : []),
          'another',
          '=?base64?***?=',
          '=?base64?dGVzdA?=',
        ),
      ),
    }),
  });
});

test('the era of a body, and what is refused at once, are as the official SDK has them', async () => {
  const seen = new Map<Verdict, number>();
  await fc.assert(
    fc.asyncProperty(given, async (one) => {
      const verdict = ours(one);
      seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
      assert.equal(verdict, await theirs(one));
    }),
    { numRuns: 3_000 },
  );
  // Every verdict that there is was given; otherwise the generator has lost its edge.
  for (const verdict of ['legacy', 'modern', '400 -32600', '400 -32020', '400 -32602', '400 -32022'])
    assert.ok((seen.get(verdict) ?? 0) > 20, `${verdict}: ${seen.get(verdict) ?? 0} of 3000`);
});
