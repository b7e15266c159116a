import assert from 'node:assert/strict';
import { test } from 'node:test';
import { membersAt, membersOf } from '../src/members.ts';
import { completing, discoverResult, withoutTaskExtension } from '../src/results.ts';
import { splice } from '../src/splice.ts';

const INFO = 'io.modelcontextprotocol/serverInfo';
const server = '{"name":"s","version":"1"}';

function complete(result: string, method: string): unknown {
  const bytes = Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
  return (
    JSON.parse(splice(bytes, completing(bytes, membersOf(bytes, membersAt(bytes), 'result'), method, server)).toString()) as {
      result: unknown;
    }
  ).result;
}

test('every result says that it is complete, and who gave it', () => {
  const info = { [INFO]: { name: 's', version: '1' } };
  assert.deepEqual(complete('{}', 'tools/call'), { resultType: 'complete', _meta: info });
  assert.deepEqual(complete('{"content":[],"_meta":{"a":1}}', 'tools/call'), {
    resultType: 'complete',
    content: [],
    _meta: { ...info, a: 1 },
  });
  assert.deepEqual(complete(`{"_meta":{"${INFO}":"own"}}`, 'tools/call'), { resultType: 'complete', _meta: { [INFO]: 'own' } });
});

test('lists and resources say that they are not to be kept; tools lose their execution', () => {
  const listed = complete(
    '{"tools":[{"name":"a","execution":{"taskSupport":"optional"}},{"execution":{},"name":"b"},{"name":"c"}]}',
    'tools/list',
  );
  const { tools, ttlMs, cacheScope } = listed as Record<string, unknown>;
  assert.deepEqual([tools, ttlMs, cacheScope], [[{ name: 'a' }, { name: 'b' }, { name: 'c' }], 0, 'private']);
  assert.equal((complete('{"contents":[]}', 'resources/read') as Record<string, unknown>)['ttlMs'], 0);
  assert.equal((complete('{"messages":[]}', 'prompts/get') as Record<string, unknown>)['ttlMs'], undefined);
});

test('a tool that can only be called as a task is not offered', () => {
  const listed = complete(
    '{"tools":[{"name":"a","execution":{"taskSupport":"required"}},{"name":"ä","execution":{"taskSupport":"forbidden"}}]}',
    'tools/list',
  );
  assert.deepEqual((listed as Record<string, unknown>)['tools'], [{ name: 'ä' }]);
});

test('an error stays as it is', () => {
  const bytes = Buffer.from('{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}');
  assert.deepEqual(completing(bytes, membersOf(bytes, membersAt(bytes), 'result'), 'tools/list', server), []);
});

test('a handshake becomes what server/discover says, without what this era lacks', () => {
  const handshake = `{"protocolVersion":"2025-11-25","capabilities":{"tasks":{},"tools":{"listChanged":true}},"serverInfo":${server},"instructions":"Do."}`;
  assert.deepEqual(JSON.parse(discoverResult(handshake, '2026-07-28')), {
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: { listChanged: true } },
    instructions: 'Do.',
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { [INFO]: { name: 's', version: '1' } },
  });
  const written = '"instructions":"h\\u00e9 \\ud800"';
  assert.ok(discoverResult(`{${written},"capabilities":{}}`, '2026-07-28').includes(written));
  assert.deepEqual((JSON.parse(discoverResult('{}', '2026-07-28')) as Record<string, unknown>)['capabilities'], {});
});

test('the extension for tasks is taken out of capabilities, and nothing else', () => {
  const key = 'io.modelcontextprotocol/tasks';
  for (const [given, left] of [
    [{ tools: {} }, { tools: {} }],
    [{ extensions: { 'x/y': { a: 1 } } }, { extensions: { 'x/y': { a: 1 } } }],
    [{ extensions: { [key]: {} } }, { extensions: {} }],
    [
      { extensions: { 'x/y': {}, [key]: { deep: [1] }, z: 0 }, tools: {} },
      { extensions: { 'x/y': {}, z: 0 }, tools: {} },
    ],
    [{ extensions: [key] }, { extensions: [key] }],
  ]) {
    const bytes = Buffer.from(JSON.stringify(given));
    assert.deepEqual(JSON.parse(splice(bytes, withoutTaskExtension(bytes, membersAt(bytes))).toString()), left);
  }
  assert.deepEqual(withoutTaskExtension(Buffer.from('{}'), undefined), []);
});
