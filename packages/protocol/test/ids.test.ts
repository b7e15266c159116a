import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { ANONYMOUS, formatEventId, identityOf, mintSession, newWorkerId, parseEventId, sealSession, verifySession } from '../src/index.ts';

const key = randomBytes(32);
const audience = { server: 'everything', identity: ANONYMOUS, transport: 'streamable' as const };

test('a session id is accepted only with its key, its server, its transport and its identity', () => {
  const owner = newWorkerId();
  const { id, ...claims } = mintSession(key, { owner, audience, revision: '2025-11-25', now: 1_800_000_000_000 });
  assert.match(id, /^[\x21-\x7e]{65}$/);
  assert.deepEqual([claims.owner, claims.issued, claims.revision], [owner, 1_800_000_000, '2025-11-25']);
  assert.deepEqual(verifySession(key, id, audience), claims);
  assert.equal(verifySession(randomBytes(32), id, audience), undefined);
  assert.equal(verifySession(key, id, { ...audience, server: 'other' }), undefined);
  assert.equal(verifySession(key, id, { ...audience, transport: 'sse' }), undefined);
  assert.equal(verifySession(key, id, { ...audience, identity: identityOf('api-key', 'x') }), undefined);
});

test('the id of a session says what was agreed on, once that is known', () => {
  const { id, ...session } = mintSession(key, { owner: newWorkerId(), audience, revision: undefined, now: 1_800_000_000_000 });
  for (const [revision, digit] of [
    ['2024-11-05', '0'],
    ['2025-11-25', '3'],
    // Nothing, to whoever does not know it.
    ['other', '9'],
    [undefined, '-'],
  ] as const) {
    const sealed = sealSession(key, { ...session, revision }, audience);
    assert.deepEqual(verifySession(key, sealed, audience), { ...session, revision });
    assert.equal(sealed[20], digit);
  }
  assert.equal(sealSession(key, session, audience), id);
});

test('any change of any character makes an id unknown', () => {
  const { id } = mintSession(key, { owner: newWorkerId(), audience, revision: undefined, now: Date.now() });
  assert.equal(verifySession(key, id, audience)?.revision, undefined);
  for (let at = 0; at < id.length; at++) {
    for (const other of ['A', 'a', '0', '_', ' ', 'é']) {
      if (id[at] !== other) assert.equal(verifySession(key, id.slice(0, at) + other + id.slice(at + 1), audience), undefined);
    }
  }
});

test('arbitrary text is never an id', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => verifySession(key, text, audience) === undefined));
  for (const text of ['__proto__', 'constructor', 'x'.repeat(3000), 'a\r\nb', ''])
    assert.equal(verifySession(key, text, audience), undefined);
});

test('identities do not run into each other', () => {
  assert.notEqual(identityOf('a', 'bc'), identityOf('ab', 'c'));
});

test('event ids round-trip and foreign ones are unknown', () => {
  assert.deepEqual(parseEventId(formatEventId('s-1_x', 42)), { stream: 's-1_x', seq: 42 });
  for (const text of ['', 'x', 'x.', '.1', 'x.01', 'x.-1', 'x.1.2', 'x y.1', 'x.1\n', `${'x'.repeat(65)}.1`, '__proto__']) {
    assert.equal(parseEventId(text), undefined);
  }
});
