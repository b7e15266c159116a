import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { AuthConfig } from '@causeway/config';
import { ANONYMOUS, identityOf } from '@causeway/protocol';
import { createCallers, type Caller } from '../../src/access/callers.ts';

const request = (headers: Record<string, string>): IncomingMessage => ({ headers }) as unknown as IncomingMessage;
const from = (remoteAddress: string, headersDistinct: Readonly<Record<string, readonly string[]>>): IncomingMessage =>
  ({ headers: {}, rawHeaders: [], headersDistinct, socket: { remoteAddress } }) as unknown as IncomingMessage;
const open: AuthConfig = { apiKeys: [], identityProxies: [], anonymousBy: 'none' };
const everybody = createCallers(open);

test('keys: without any everybody is anonymous; with some, one must fit', () => {
  assert.deepEqual(everybody.callerOf(request({})), { identity: ANONYMOUS });
  const keyed = createCallers({ ...open, apiKeys: [{ id: 'team', sha256: createHash('sha256').update('s3cret').digest('hex') }] });
  const team = identityOf('api-key', 'team');
  assert.deepEqual(keyed.callerOf(request({ authorization: 'Bearer s3cret' })), { identity: team, share: team });
  assert.deepEqual(keyed.callerOf(request({ 'x-api-key': 's3cret' })), { identity: team, share: team });
  for (const headers of [{}, { authorization: 'Bearer s3cre' }, { authorization: 'Basic s3cret' }, { 'x-api-key': '' }] as Record<
    string,
    string
  >[]) {
    assert.throws(() => keyed.callerOf(request(headers)), { reason: 'request.unauthorized' });
  }
});

test('keys that are renewed: whose key is gone, or another one now, is told', () => {
  const key = (id: string, text: string) => ({ id, sha256: createHash('sha256').update(text).digest('hex') });
  const callers = createCallers({ ...open, apiKeys: [key('a', '1'), key('b', '2'), key('c', '3')] });
  assert.deepEqual(
    callers.renew([key('c', '3'), key('b', 'two'), key('d', '4')]),
    new Set(['a', 'b'].map((id) => identityOf('api-key', id))),
  );
  for (const text of ['1', '2']) assert.throws(() => callers.callerOf(request({ 'x-api-key': text })), { reason: 'request.unauthorized' });
  for (const [id, text] of [
    ['b', 'two'],
    ['c', '3'],
    ['d', '4'],
  ] as const)
    assert.equal((callers.callerOf(request({ 'x-api-key': text })) as Caller).identity, identityOf('api-key', id));
});

test('a header tells who asks if a proxy that is believed has set it, once; without it nobody is let in', () => {
  const proxied = createCallers({ ...open, identityHeader: 'x-user', identityProxies: ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'] });
  const ann = identityOf('header', 'ann');
  for (const address of ['127.0.0.1', '::ffff:10.1.2.3', '10.255.0.1', 'fd12::1'])
    assert.deepEqual(proxied.callerOf(from(address, { 'x-user': ['ann'] })), { identity: ann, share: ann }, address);
  for (const [address, headers] of [
    ['192.168.0.1', { 'x-user': ['ann'] }],
    ['fe80::1', { 'x-user': ['ann'] }],
    ['127.0.0.1', { 'x-user': ['ann', 'bob'] }],
    ['127.0.0.1', { 'x-user': [''] }],
    ['127.0.0.1', {}],
  ] as const)
    assert.throws(() => proxied.callerOf(from(address, headers)), { reason: 'request.unauthorized' }, address);
});

test('anonymous clients may have the share of their address, and belong to nobody all the same', () => {
  const counted = createCallers({ ...open, anonymousBy: 'address' });
  const share = (address: string) => {
    const caller = counted.callerOf(from(address, {})) as Caller;
    assert.equal(caller.identity, ANONYMOUS);
    return caller.share;
  };
  assert.equal(share('10.0.0.1'), share('::ffff:10.0.0.1'));
  assert.notEqual(share('10.0.0.1'), share('10.0.0.2'));
  assert.equal(share('2001:db8:1:2::5'), share('2001:db8:1:2:a:b:c:d'));
  assert.notEqual(share('2001:db8:1:2::5'), share('2001:db8:1:3::5'));
});
