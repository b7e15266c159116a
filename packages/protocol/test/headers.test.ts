import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHeaderArguments, decodeHeader, headerArguments, refuseAmbiguous } from '../src/headers.ts';

test('a header value is itself, or Base64 behind the sentinel; blanks around it are no part of it', () => {
  assert.equal(decodeHeader('echo'), 'echo');
  assert.equal(decodeHeader(' \techo '), 'echo');
  assert.equal(decodeHeader('=?base64?w6TDtg==?='), 'äö');
  assert.equal(decodeHeader('=?base64??='), '');
  assert.equal(decodeHeader('=?base64?w6TDtg?='), undefined, 'padding is required');
  assert.equal(decodeHeader('=?base64?w6Q*?='), undefined);
  assert.equal(decodeHeader('=?base64?/w==?='), undefined, 'no UTF-8');
  assert.equal(decodeHeader('=?BASE64?w6Q=?='), '=?BASE64?w6Q=?=', 'the sentinel is spelled in lower case');
});

const schema = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    size: { type: 'integer', 'x-mcp-header': 'Size' },
    deep: { type: 'object', properties: { on: { type: 'boolean', 'x-mcp-header': 'Deep-On' } } },
    plain: { type: 'string' },
  },
};

test('declared arguments are found through properties alone', () => {
  assert.deepEqual(
    headerArguments(schema).map(({ header, path, numeric }) => [header, path.join('.'), numeric]),
    [
      ['Region', 'region', false],
      ['Size', 'size', true],
      ['Deep-On', 'deep.on', false],
    ],
  );
  assert.deepEqual(headerArguments(undefined), []);
  assert.deepEqual(headerArguments({ 'x-mcp-header': 'Root', type: 'string' }), []);
  const twice = { properties: { a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } } };
  assert.deepEqual(headerArguments(twice), [], 'two names that differ in case alone');
  assert.deepEqual(headerArguments({ properties: { a: { type: 'string', 'x-mcp-header': 'no token' } } }), []);
  assert.deepEqual(headerArguments({ properties: { a: { type: 'array', 'x-mcp-header': 'A' } } }), []);
});

const refused = { reason: 'request.header_mismatch' };
const check = (values: unknown, headers: Record<string, string>): void => checkHeaderArguments(headerArguments(schema), values, headers);

test('an argument that is there must be repeated as it is', () => {
  check({ region: 'eu', size: 42, deep: { on: true }, plain: 'x' }, { region: 'eu', size: '42', 'deep-on': 'true' });
  check({ size: 42 }, { size: '42.0' });
  check({ region: 'ä' }, { region: '=?base64?w6Q=?=' });
  check({}, { region: 'whatever' });
  check({ region: null }, {});
  check(undefined, {});
  assert.throws(() => check({ region: 'eu' }, {}), refused);
  assert.throws(() => check({ region: 'eu' }, { region: 'EU' }), refused, 'values are case-sensitive');
  assert.throws(() => check({ region: 'eu' }, { region: '=?base64?*?=' }), refused);
  assert.throws(() => check({ size: 42 }, { size: '0x2a' }), refused);
  assert.throws(() => check({ deep: { on: true } }, { 'deep-on': 'false' }), refused);
});

test('an argument that a header repeats has one reading: its name, and each name on the way there, comes once and has none like it beside it', () => {
  const read = (text: string): void => refuseAmbiguous(headerArguments(schema), Buffer.from(text), { start: 0, end: text.length });
  read('{"region":"eu","plain":1,"Plain":2,"deep":{"on":true,"of":1}}');
  for (const text of ['{}', '[]', '"region"', '{"region":{"Region":1}}', '{"deep":[{"on":1,"On":2}]}']) read(text);
  for (const text of [
    '{"region":"us","region":"eu"}',
    '{"plain":1,"plain":2}',
    '{"region":"eu","Region":"us"}',
    '{"Region":"us"}',
    '{"re\u0067ion":"us","region":"eu"}',
    '{"region\u0000":"us"}',
    '{"\u017fize":1}',
    '{"deep":{"on":true,"ON":false}}',
    '{"deep":{"on":true},"Deep":{"on":false}}',
  ])
    assert.throws(() => read(text), refused, text);
  refuseAmbiguous([], Buffer.from('{"region":1,"region":2}'), { start: 0, end: 23 });
});

test('names out of the prototype are arguments like any other', () => {
  const odd = headerArguments({ properties: { constructor: { type: 'string', 'x-mcp-header': 'constructor' } } });
  checkHeaderArguments(odd, {}, {});
  assert.throws(() => checkHeaderArguments(odd, { constructor: 'x' }, {}), refused);
});
