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

test('an identity provider is named by https, or is on this machine, and never where clouds tell their secrets', () => {
  const jwt = (more: object): object => ({ value: { auth: { jwt: { issuer: 'https://idp.example', audience: 'a', ...more } } } });
  for (const issuer of [
    'https://idp.example/realm',
    'http://localhost:8080',
    'http://127.0.0.1:8080/',
    'http://[::1]:8080',
    'https://10.0.0.1',
  ])
    assert.equal(load(jwt({ issuer })).config.auth.jwt?.issuer, issuer);
  for (const [issuer, text] of [
    ['http://idp.example', 'must be https: others on the way could give the bridge keys of their own'],
    ['http://169.254.169.254', 'must be https: others on the way could give the bridge keys of their own'],
    ['https://169.254.169.254', 'is an address that no identity provider has'],
    ['https://[::ffff:169.254.169.254]', 'is an address that no identity provider has'],
    ['https://[fe80::1]', 'is an address that no identity provider has'],
    ['https://me:secret@idp.example', 'must be a URL without a login and without "#"'],
    ['idp.example', 'not a URL: "idp.example" (https://idp.example)'],
  ] as const) {
    assert.deepEqual(faultsOf(jwt({ issuer })), [`options  auth.jwt.issuer: ${text}`], issuer);
    assert.deepEqual(faultsOf(jwt({ jwks: issuer })), [`options  auth.jwt.jwks: ${text}`], issuer);
  }
});

test('tokens: an audience is needed, of which there may be several; secrets shared with the provider are no way to sign', () => {
  const jwt = (more: object): object => ({ value: { auth: { jwt: { issuer: 'https://idp.example', ...more } } } });
  assert.deepEqual(load(jwt({ audience: 'a' })).config.auth.jwt?.audience, ['a']);
  assert.deepEqual(load(jwt({ audience: ['a', 'b'] })).config.auth.jwt?.audience, ['a', 'b']);
  assert.equal(faultsOf(jwt({})).length, 1);
  assert.equal(faultsOf(jwt({ audience: [] })).length, 1);
  assert.match(faultsOf(jwt({ audience: 'a', algorithms: ['HS256'] }))[0]!, /algorithms\[0\]: expected one of RS256/);
  const env = { CAUSEWAY_AUTH_JWT_ISSUER: 'https://idp.example', CAUSEWAY_AUTH_JWT_AUDIENCE: 'a,b', CAUSEWAY_AUTH_JWT_SCOPES: 'mcp' };
  assert.deepEqual(load({ env }).config.auth.jwt?.audience, ['a', 'b']);
});
