import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANONYMOUS, identityOf } from '@causeway/protocol';
import { INITIALIZE, open, POISON, refused, setting, type Setting } from './real-worker.ts';

const [mallory, bob, carol] = ['mallory', 'bob', 'carol'].map((name) => identityOf('key', name));
let sessions = 0;

/** Why an opening is refused, at last; `undefined`: it is not. */
async function opening(at: Setting, server: string, identity = ANONYMOUS, initialize = INITIALIZE): Promise<unknown> {
  return open(at, server, `crash${++sessions}_`, identity, initialize).then(
    () => undefined,
    (error: { readonly reason?: unknown }) => error.reason,
  );
}

test('one identity at whose requests a server exits closes it for itself alone', async (t) => {
  const at = await setting(t);
  for (let nth = 0; nth < 5; nth++) assert.equal(await opening(at, 'git', mallory, POISON), 'server.start_failed');
  await assert.rejects(open(at, 'git', 'mallory', mallory), refused('server.crash_loop'));
  assert.equal(await opening(at, 'git', bob), undefined);
});

test('a server that fails for two identities is closed for all', async (t) => {
  const at = await setting(t);
  for (let nth = 0; nth < 5; nth++) assert.equal(await opening(at, 'broken', mallory), 'server.start_failed');
  for (let nth = 0; nth < 2; nth++) assert.equal(await opening(at, 'broken', bob), 'server.start_failed');
  assert.equal(await opening(at, 'broken', carol), 'server.crash_loop');
});

test('clients that nobody vouches for are one', async (t) => {
  const at = await setting(t);
  for (let nth = 0; nth < 5; nth++) assert.equal(await opening(at, 'git', ANONYMOUS, POISON), 'server.start_failed');
  assert.equal(await opening(at, 'git'), 'server.crash_loop');
});
