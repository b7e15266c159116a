import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allRequired, inputRequired, mayAsk, toInputRequest } from '../src/input-required.ts';

const form = toInputRequest('elicitation/create', { message: 'm', requestedSchema: {}, _meta: {}, task: {}, elicitationId: 'e' });
const url = toInputRequest('elicitation/create', { mode: 'url', url: 'https://x', message: 'm' });
const sampling = toInputRequest('sampling/createMessage', { messages: [] });
const withTools = toInputRequest('sampling/createMessage', { messages: [], tools: [] });
const roots = toInputRequest('roots/list', undefined);

test('what only a session knows is left out of a question', () => {
  assert.deepEqual(form, { method: 'elicitation/create', params: { message: 'm', requestedSchema: {} } });
  assert.deepEqual(roots, { method: 'roots/list', params: {} });
});

test('a client is asked what it has declared, in the form that it has declared', () => {
  assert.ok(mayAsk({ elicitation: {} }, form));
  assert.ok(!mayAsk({ elicitation: {} }, url));
  assert.ok(!mayAsk({ elicitation: { url: {} } }, form));
  assert.ok(mayAsk({ elicitation: { form: {}, url: {} } }, url));
  assert.ok(mayAsk({ sampling: {} }, sampling));
  assert.ok(!mayAsk({ sampling: {} }, withTools));
  assert.ok(mayAsk({ sampling: { tools: {} } }, withTools));
  assert.ok(mayAsk({ roots: { listChanged: true } }, roots));
  for (const question of [form, url, sampling, roots]) assert.ok(!mayAsk({}, question));
  assert.ok(!mayAsk({ roots: {} }, { method: 'something/else', params: {} }));
});

test('what is missing is named as an object of capabilities', () => {
  assert.deepEqual(allRequired([form, url, withTools, roots]), { elicitation: { url: {} }, sampling: { tools: {} }, roots: {} });
});

test('the result that asks has questions, a state, or both', () => {
  assert.deepEqual(JSON.parse(inputRequired({ a: roots }, undefined)), { resultType: 'input_required', inputRequests: { a: roots } });
  assert.deepEqual(JSON.parse(inputRequired({ a: roots }, 's')), {
    resultType: 'input_required',
    inputRequests: { a: roots },
    requestState: 's',
  });
});

test('what a server asks for comes as it wrote it', () => {
  const written = '{"task":{},"requestedSchema":{"2":1,"1":{"maximum":9223372036854775807, "default":1.0}},"message":"\\u00e9","_meta":{}}';
  const question = toInputRequest('elicitation/create', JSON.parse(written), Buffer.from(written));
  assert.equal(
    inputRequired({ 'a"': question, b: roots }, 's"'),
    '{"resultType":"input_required","inputRequests":{"a\\"":{"method":"elicitation/create","params":' +
      '{"requestedSchema":{"2":1,"1":{"maximum":9223372036854775807, "default":1.0}},"message":"\\u00e9"}},' +
      '"b":{"method":"roots/list","params":{}}},"requestState":"s\\""}',
  );
  for (const broken of ['[]', '{"a":1,"a":2}']) assert.equal(toInputRequest('roots/list', undefined, Buffer.from(broken)).text, undefined);
});
