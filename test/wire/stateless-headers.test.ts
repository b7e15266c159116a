/**
 * The headers of 2026-07-28 that repeat the body, by raw sockets: how names and values may be written, which values
 * count as the same, and that headers of other revisions mean nothing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openCauseway, stdio2025, stdio2026, type Causeway } from '../harness/processes.ts';
import { POST_HEADERS, rawRequest, type RawAnswer } from '../harness/raw.ts';
import type { Message } from '../harness/speak.ts';
import { call, headersOf, request, type Fields } from '../harness/stateless.ts';

type Pairs = readonly (readonly [string, string])[];
const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
const read = (uri: string) => request(1, 'resources/read', { uri });
const tool = (args: Fields) => call(1, 'test_x_mcp_header', args);
const param = (name: string, value: string): Pairs => [[`Mcp-Param-${name}`, value]];

/** What is served, or refused as a mismatch: the message, its own headers changed, others added. */
interface Case {
  readonly what: string;
  readonly message: Message;
  readonly named?: string;
  readonly more?: Pairs;
}

const SERVED: readonly Case[] = [
  { what: 'a name in Base64', message: call(1, 'test_simple_text'), named: base64('test_simple_text') },
  { what: 'blanks and tabs around a name', message: call(1, 'test_simple_text'), named: ' \t test_simple_text\t ' },
  { what: 'blanks around a name in Base64', message: call(1, 'test_simple_text'), named: `  ${base64('test_simple_text')} ` },
  { what: 'a name beyond ASCII', message: read('test://template/ĝ\u2028🌉/data'), named: base64('test://template/ĝ\u2028🌉/data') },
  { what: 'a name that looks like Base64 and is encoded', message: read('test://template/=?base64?eA==?=/data') },
  { what: 'a name where the method has none', message: request(1, 'tools/list'), named: 'anything' },
  { what: 'a text', message: tool({ region: 'eu-west' }), more: param('Region', 'eu-west') },
  { what: 'a text in Base64', message: tool({ region: 'Hello' }), more: param('Region', base64('Hello')) },
  { what: 'a text beyond ASCII', message: tool({ region: 'Gent — België' }), more: param('Region', base64('Gent — België')) },
  { what: 'blanks that belong to a text', message: tool({ region: ' eu ' }), more: param('Region', base64(' eu ')) },
  { what: 'an empty text', message: tool({ region: '' }), more: param('Region', base64('')) },
  { what: 'half a sentinel as it stands', message: tool({ region: '=?base64?SGVsbG8=' }), more: param('Region', '=?base64?SGVsbG8=') },
  { what: 'Base64 without a sentinel as it stands', message: tool({ region: 'SGVsbG8=' }), more: param('Region', 'SGVsbG8=') },
  { what: 'the header in another case', message: tool({ region: 'eu' }), more: [['mCP-pARAM-rEGION', 'eu']] },
  { what: 'blanks around a text', message: tool({ region: 'eu' }), more: param('Region', ' \t eu \t') },
  { what: 'an integer', message: tool({ level: 42 }), more: param('Level', '42') },
  { what: 'an integer with a fraction of zero', message: tool({ level: 42 }), more: param('Level', '42.0') },
  { what: 'a negative integer', message: tool({ level: -7 }), more: param('Level', '-7') },
  { what: 'a truth value', message: tool({ urgent: true }), more: param('Urgent', 'true') },
  { what: 'an argument that is null, without a header', message: tool({ region: null }) },
  { what: 'an argument that is absent, without a header', message: tool({ note: 'n' }) },
  { what: 'a header that nothing declares', message: tool({ note: 'n' }), more: param('Note', 'other') },
  { what: 'a header of a tool that declares none', message: call(1, 'test_simple_text'), more: param('Region', 'x') },
  {
    what: 'a session id and an event id',
    message: call(1, 'test_simple_text'),
    more: [
      ['Mcp-Session-Id', 'stray'],
      ['Last-Event-ID', '7.1'],
    ],
  },
];

const REFUSED: readonly Case[] = [
  ...['=?base64?SGVsbG8?=', '=?base64?SGVs!!!bG8=?=', '=?base64?/w==?='].map((value) => ({
    what: `a text of ${value}`,
    message: tool({ region: 'Hello' }),
    more: param('Region', value),
  })),
  { what: 'a name of broken Base64', message: call(1, 'test_simple_text'), named: '=?base64?dGVzdA?=' },
  { what: 'the name of another tool in Base64', message: call(1, 'test_simple_text'), named: base64('test_image_content') },
  { what: 'the uri of another resource', message: read('test://static-text'), named: 'test://static-binary' },
  { what: 'another text', message: tool({ region: 'eu' }), more: param('Region', 'us') },
  { what: 'the text in another case', message: tool({ region: 'eu' }), more: param('Region', 'EU') },
  { what: 'a text without its blanks', message: tool({ region: ' eu ' }), more: param('Region', ' eu ') },
  { what: 'an argument beside one whose name differs in case', message: tool({ region: 'eu', Region: 'us' }), more: param('Region', 'eu') },
  { what: 'an argument whose name differs in case', message: tool({ Region: 'us' }), more: param('Region', 'eu') },
  { what: 'no header for one of two arguments', message: tool({ region: 'eu', level: 1 }), more: param('Region', 'eu') },
  { what: 'another integer', message: tool({ level: 42 }), more: param('Level', '43') },
  { what: 'an integer in hexadecimal', message: tool({ level: 42 }), more: param('Level', '0x2a') },
  { what: 'an integer with an exponent', message: tool({ level: 42 }), more: param('Level', '4.2e1') },
  { what: 'a truth value in another case', message: tool({ urgent: true }), more: param('Urgent', 'True') },
  { what: 'a truth value as a number', message: tool({ urgent: true }), more: param('Urgent', '1') },
];

describe('headers that repeat the body', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { legacy: stdio2025(), modern: stdio2026() } }));
  });
  after(() => stack.disposeAsync());

  const send = (server: string, { message, named, more = [] }: Case): Promise<RawAnswer> => {
    const own = { ...headersOf(message), ...(named === undefined ? {} : { 'mcp-name': named }) };
    const headers = [...POST_HEADERS, ...Object.entries(own), ...more];
    return rawRequest(bridge.port, { path: `/servers/${server}/mcp`, headers, body: JSON.stringify(message) });
  };

  for (const server of ['legacy', 'modern']) {
    for (const given of SERVED) {
      it(`${server}: served: ${given.what}`, async () => {
        const answer = await send(server, given);
        assert.equal(answer.status, 200, answer.text.slice(0, 500));
        assert.match(answer.text, /"result":/);
        for (const name of ['mcp-session-id', 'last-event-id']) assert.equal(answer.headers.get(name), undefined);
      });
    }

    for (const given of REFUSED) {
      it(`${server}: refused: ${given.what}`, async () => {
        const answer = await send(server, given);
        assert.equal(answer.status, 400, answer.text.slice(0, 500));
        const { id, error } = JSON.parse(answer.text) as Message;
        assert.equal(error?.code, -32020, answer.text.slice(0, 500));
        assert.equal(id, 1);
      });
    }

    it(`${server}: the names of headers in any case`, async () => {
      const message = call(1, 'test_simple_text');
      const headers = [...POST_HEADERS, ...Object.entries(headersOf(message))].map(([name, value]) => [name.toUpperCase(), value] as const);
      const answer = await rawRequest(bridge.port, { path: `/servers/${server}/mcp`, headers, body: JSON.stringify(message) });
      assert.equal(answer.status, 200, answer.text);
    });
  }

  // Before anybody looks at the body: what stands there twice means two things.
  for (const name of ['MCP-Protocol-Version', 'Mcp-Method', 'Mcp-Name', 'Mcp-Param-Region']) {
    it(`${name} twice, with two values, is refused`, async () => {
      const more = [...param('Region', 'eu'), [name, 'other'] as const];
      const answer = await send('legacy', { what: '', message: tool({ region: 'eu' }), more });
      assert.equal(answer.status, 400, answer.text);
    });
  }
});
