import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, load } from './loading.ts';

test('a key that cannot be sent, and a header that nobody can set, are faults; the key is not told', () => {
  const keys = ['two words', 'schlüssel', 'ended \n'];
  const text = 'must be visible ASCII without blanks';
  assert.deepEqual(faultsOf({ value: { auth: { identityHeader: 'X User', apiKeys: keys.map((key, at) => ({ id: `${at}`, key })) } } }), [
    'options  auth.identityHeader: not a header name',
    ...keys.map((_, at) => `options  auth.apiKeys[${at}].key: ${text}`),
  ]);
  for (const env of [{ CAUSEWAY_API_KEY: 'two words' }, { MCP_PROXY_API_KEY: 'two words' }] as const)
    assert.deepEqual(faultsOf({ env }), [`${Object.keys(env)[0]}  ${text}`]);
  assert.equal(load({ env: { CAUSEWAY_API_KEY: 'a=b,c!' } }).config.auth.apiKeys.length, 1);
});

test('headers that say where an answer ends are the bridge’s own', () => {
  assert.deepEqual(faultsOf({ value: { http: { headers: { 'content-Length': '3', 'Transfer-Encoding': 'gzip', 'X-Site': 'a' } } } }), [
    'options  http.headers.content-Length: is set by the bridge itself',
    'options  http.headers.Transfer-Encoding: is set by the bridge itself',
  ]);
});
