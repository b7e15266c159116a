/** What figures say of a request and of its answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failureOf, methodLabel, nameAttribute, nameLabel, readClientBody, readServerLine } from '../src/index.ts';

const failure = (line: string, method = 'tools/call'): string | undefined => failureOf(readServerLine(Buffer.from(line)), method);
const result = (text: string): string => `{"jsonrpc":"2.0","id":1,"result":${text}}`;

describe('the method of a request', () => {
  it('is one of those that some revision has, or no name that its client chose', () => {
    assert.equal(methodLabel('tools/call'), 'tools/call');
    assert.equal(methodLabel('subscriptions/listen'), 'subscriptions/listen');
    for (const method of ['x/y', '', undefined, '__proto__']) assert.equal(methodLabel(method), '_other');
  });
});

describe('what a request names', () => {
  const name = (method: string, params: string): string | undefined => {
    const body = readClientBody(Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`));
    assert.equal(body.kind, 'single');
    return nameLabel(body.frame);
  };

  it('is its tool or its prompt, wherever it stands, as text', () => {
    assert.equal(name('tools/call', '{"name":"echo","arguments":{"name":"x"}}'), 'echo');
    assert.equal(name('prompts/get', '{ "_meta": {"name":"y"}, "arguments": {"name":"x"}, "name" : "gr\\u00fc\\"sse" }'), 'grü"sse');
    assert.equal(name('tools/call', `{"name":"${'x'.repeat(256)}"}`), 'x'.repeat(256));
    assert.deepEqual(['tools/call', 'prompts/get', 'resources/read'].map(nameAttribute), [
      'gen_ai.tool.name',
      'gen_ai.prompt.name',
      undefined,
    ]);
  });

  it('is one of the others where it is longer than a name can be, and nothing where there is none', () => {
    assert.equal(name('tools/call', `{"name":"${'x'.repeat(257)}"}`), '_other');
    for (const params of ['{}', '{"name":7}', '{"name":{"name":"x"}}', '{"arguments":{"name":"x"}}'])
      assert.equal(name('tools/call', params), undefined, params);
    assert.equal(name('resources/read', '{"uri":"file:///x","name":"x"}'), undefined);
    assert.equal(name('constructor', '{"name":"x"}'), undefined);
  });
});

describe('how a request failed at its server', () => {
  it('is the code of its error, where that is one of those that have a meaning', () => {
    assert.equal(failure('{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}', 'prompts/get'), '-32602');
    assert.equal(failure('{"jsonrpc":"2.0","error":{"message":"no","code":-32042},"id":1}'), '-32042');
    for (const code of ['17', '"-32602"', '-32602.5', 'null', '{}'])
      assert.equal(failure(`{"jsonrpc":"2.0","id":1,"error":{"code":${code},"message":"no"}}`), '_other', code);
    assert.equal(failure('{"jsonrpc":"2.0","id":1,"error":{"message":"no"}}'), '_other');
  });

  it('is that its tool said so', () => {
    assert.equal(failure(result('{"content":[],"isError":true}')), 'tool_error');
    assert.equal(failure(result('{"isError" : true,"content":[]}')), 'tool_error');
    const long = 'x'.repeat(100_000);
    assert.equal(failure(result(`{"content":[{"type":"text","text":"${long}"}],"isError":true}`)), 'tool_error');
    assert.equal(failure(result(`{"isError":true,"content":[{"type":"text","text":"${long}"}]}`)), 'tool_error');
  });

  it('is nothing where it did not fail, whatever stands in its answer', () => {
    assert.equal(failure(result('{"content":[]}')), undefined);
    assert.equal(failure(result('{"content":[],"isError":false}')), undefined);
    assert.equal(failure(result('{"content":[],"isError":"true"}')), undefined);
    assert.equal(failure(result('{"content":[{"type":"text","text":"\\"isError\\":true"}]}')), undefined);
    assert.equal(failure(result('{"content":[],"structuredContent":{"isError":true}}')), undefined);
    assert.equal(failure(result('{"content":[],"isError":false,"structuredContent":{"isError":true}}')), undefined);
    assert.equal(failure(result('{"contents":[],"isError":true}'), 'resources/read'), undefined, 'no tool was called');
    assert.equal(failure(result('{"content":["isError"]}')), undefined);
    assert.equal(failure(result('[]')), undefined);
  });
});
