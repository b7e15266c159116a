/** `name=value` words: each becomes what the tool's schema says it is, and nothing is altered or lost without a word. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EXIT, Failure } from '../../src/failure.ts';
import { parameterLabel, toolArguments } from '../../src/mcp/arguments.ts';
import { signatureOf, type Tool } from '../../src/mcp/tools.ts';

const tool = (properties: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}): Tool => ({
  name: 't',
  inputSchema: { type: 'object', properties, ...more },
});

/** Of one argument `a`. */
const valueOf = (schema: unknown, ...texts: readonly string[]): unknown =>
  toolArguments(
    texts.map((text) => `a=${text}`),
    tool({ a: schema }),
  )['a'];

const refused = (work: () => unknown, message: RegExp): void =>
  assert.throws(work, (error) => error instanceof Failure && error.exitCode === EXIT.usage && message.test(error.message));

describe('a value', () => {
  for (const [schema, text, value] of [
    [{ type: 'string' }, '5', '5'],
    [{ type: 'string' }, 'a=b', 'a=b'],
    [{ type: 'string' }, '', ''],
    [{ type: 'number' }, '-2.5e3', -2500],
    [{ type: 'number' }, '.5', 0.5],
    [{ type: 'integer' }, '7', 7],
    [{ type: 'boolean' }, 'false', false],
    [{ type: 'object' }, '{"x":[1]}', { x: [1] }],
    [{ type: 'array' }, '["x",1]', ['x', 1]],
    [{ type: 'array', items: { type: 'number' } }, '3', [3]],
    [{ type: ['integer', 'null'] }, 'null', null],
    [{ type: ['string', 'null'] }, 'null', 'null'],
    [{ anyOf: [{ type: 'number' }, { type: 'null' }] }, '3', 3],
    [{ anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }, 'x', 'x'],
    [{ enum: [1, 2] }, '2', 2],
    [{ enum: ['1', '2'] }, '2', '2'],
    [{ const: true }, 'true', true],
    [{}, '5', '5'],
    [true, '5', '5'],
  ] as const)
    it(`${JSON.stringify(schema)}: ${text} is ${JSON.stringify(value)}`, () => assert.deepEqual(valueOf(schema, text), value));

  it('of what is defined elsewhere in the schema is of that type; a definition of itself ends', () => {
    const $defs = { n: { type: 'integer' }, 'a/b': { $ref: '#/$defs/n' }, loop: { $ref: '#/$defs/loop' } };
    const schema = tool({ a: { $ref: '#/$defs/a~1b' }, b: { $ref: '#/$defs/loop' }, c: { $ref: 'https://x/y' } }, { $defs });
    assert.deepEqual(toolArguments(['a=1', 'b=1', 'c=1'], schema), { a: 1, b: '1', c: '1' });
  });

  it('of a list may be given one by one', () => {
    assert.deepEqual(valueOf({ type: 'array', items: { type: 'integer' } }, '1', '2'), [1, 2]);
    assert.deepEqual(valueOf({ type: 'array' }, 'x', 'y'), ['x', 'y']);
  });

  for (const [schema, text, message] of [
    [{ type: 'number' }, 'x', /^a=x: expected a number$/],
    [{ type: 'number' }, '', /^a=: expected a number$/],
    [{ type: 'number' }, '0x10', /expected a number/],
    [{ type: 'number' }, 'Infinity', /expected a number/],
    [{ type: 'integer' }, '1.5', /expected a whole number/],
    [{ type: 'integer' }, '9007199254740993', /^a=9007199254740993: a number here is not that exact$/],
    [{ type: 'boolean' }, 'yes', /expected true or false/],
    [{ type: 'object' }, '{x', /^a: /],
    [{ type: 'object' }, 'x', /expected an object of JSON/],
    [{ type: ['number', 'null'] }, 'x', /expected a number or null/],
    [{ type: 'array', items: { type: 'number' } }, 'x', /expected a number/],
  ] as const)
    it(`${JSON.stringify(schema)}: ${text} is refused`, () => refused(() => valueOf(schema, text), message));
});

describe('the arguments', () => {
  it('that are asked for and missing are named, with what the tool takes', () => {
    const needs = tool({ city: { type: 'string' }, days: { type: 'integer' } }, { required: ['city', 'days'] });
    assert.throws(() => toolArguments(['days=1'], needs), {
      message: 't also needs city',
      hints: ['t takes: city=string days=integer'],
    });
  });

  it('that there are not are refused where the schema is closed, with what was probably meant', () => {
    const closed = tool({ message: { type: 'string' } }, { additionalProperties: false });
    refused(() => toolArguments(['mesage=x'], closed), /^t has no argument "mesage"; did you mean "message"\?$/);
    assert.deepEqual(toolArguments(['other=5'], tool({})), { other: '5' });
    assert.deepEqual(toolArguments(['other=5'], { name: 't' }), { other: '5' });
  });

  it('are not given twice, unless they are lists', () => {
    refused(() => valueOf({ type: 'string' }, 'x', 'y'), /^a is given 2 times$/);
  });

  it('may have any name', () => {
    const { inputSchema } = tool(JSON.parse('{"__proto__":{"type":"integer"}}') as Record<string, unknown>);
    assert.deepEqual(Object.entries(toolArguments(['__proto__=1'], { name: 't', inputSchema })), [['__proto__', 1]]);
  });
});

it('what a tool takes is told in a word for each argument', () => {
  const all = tool(
    {
      a: { type: 'number' },
      b: { type: 'boolean' },
      level: { enum: ['x', 'y'] },
      many: { enum: ['1', '2', '3', '4', '5', '6'] },
      list: { type: 'array', items: { type: 'string' } },
      any: {},
    },
    { required: ['a'] },
  );
  assert.equal(
    signatureOf(all).parameters.map(parameterLabel).join(' '),
    'a=number [b=boolean] [level=x|y] [many=1|2|3|4|5|…] [list=string…] [any=…]',
  );
});
