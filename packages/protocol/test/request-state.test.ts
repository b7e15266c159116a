import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { ANONYMOUS, identityOf, newWorkerId } from '../src/ids.ts';
import { openState, sealState, type StateAudience } from '../src/request-state.ts';

const key = randomBytes(32);
const audience: StateAudience = { identity: ANONYMOUS, server: 'git', method: 'tools/call', name: 'commit' };
const state = { worker: newWorkerId(), inner: 'abc', expires: 1_000 };

test('what was sealed is opened for the same audience, until it expires', () => {
  const text = sealState(key, state, audience);
  assert.deepEqual(openState(key, text, audience, 999), state);
  assert.equal(openState(key, text, audience, 1_000), undefined);
  assert.equal(openState(randomBytes(32), text, audience, 0), undefined);
  assert.match(text, /^[\w-]+$/);
  assert.ok(!text.includes('abc'));
});

test('how long a call waits is not for this clock to say', () => {
  const waiting = { ...state, parked: 'name' };
  assert.deepEqual(openState(key, sealState(key, waiting, audience), audience, 1_000_000), waiting);
});

test('it is bound to the client, the server, the method and the name', () => {
  const text = sealState(key, state, audience);
  const others: Partial<StateAudience>[] = [
    { identity: identityOf('api-key', 'b') },
    { server: 'gi' },
    { method: 'prompts/get' },
    { name: 'commit ' },
  ];
  for (const other of others) assert.equal(openState(key, text, { ...audience, ...other }, 0), undefined, JSON.stringify(other));
});

test('property: no other spelling is accepted, nor any changed character', () => {
  const text = sealState(key, state, audience);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom(...alphabet.split('')), (at, letter) => {
      if (text[at] === letter) return;
      assert.equal(openState(key, text.slice(0, at) + letter + text.slice(at + 1), audience, 0), undefined);
    }),
  );
  for (const other of [`${text}=`, `${text} `, text.slice(0, -1), '', 'AA', ` ${text}`])
    assert.equal(openState(key, other, audience, 0), undefined);
});
