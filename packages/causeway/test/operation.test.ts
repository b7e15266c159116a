import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mintSession, ANONYMOUS, newWorkerId } from '@causeway/protocol';
import { EXIT, Failure } from '../src/failure.ts';
import { confirm, parseOperation, sessionName, subverb, workerName } from '../src/operation.ts';

test('a noun alone, or with options, lists', async () => {
  assert.deepEqual(await subverb('sessions', [], ['ls', 'kill']), ['ls', []]);
  assert.deepEqual(await subverb('sessions', ['-q'], ['ls', 'kill']), ['ls', ['-q']]);
  assert.deepEqual(await subverb('sessions', ['kill', 'x'], ['ls', 'kill']), ['kill', ['x']]);
  await assert.rejects(subverb('sessions', ['list'], ['ls', 'kill']), /unknown: sessions list$/);
});

test('an id that begins with a hyphen is an id, and a value that does is a value', async () => {
  const whole = `-${'b'.repeat(21)}`;
  const twice = `--${'c'.repeat(20)}`;
  const line = await parseOperation(['--yes', whole, '-abcd', twice, '--token', '-tok', 'plain', '--format=json'], ['yes'], Infinity);
  assert.deepEqual(
    [line.words.toSorted(), line.token, line.yes, line.json],
    [[whole, '-abcd', twice, 'plain'].toSorted(), '-tok', true, true],
  );
  const behind = await parseOperation(['--', '--yes', '-q'], ['yes'], Infinity);
  assert.deepEqual([behind.words, behind.yes], [['--yes', '-q'], false]);
  assert.equal((await parseOperation(['-q'], ['quiet'], 0)).quiet, true);
});

test('an option takes neither "--" nor the next option for its value', async () => {
  for (const words of [['--token', '--yes'], ['--token', '--', 'x'], ['--admin', '--format=json'], ['--token']])
    await assert.rejects(
      parseOperation(words, ['yes'], Infinity),
      (error: unknown) => error instanceof Failure && error.exitCode === EXIT.usage && error.message === `${words[0]} needs a value`,
    );
});

test('a session is named by its token, its beginning, or the id that a client holds', () => {
  const audience = { server: 's', identity: ANONYMOUS, transport: 'streamable' } as const;
  const { id, token } = mintSession(Buffer.alloc(32), { owner: newWorkerId(), audience, revision: undefined, now: 0 });
  assert.equal(sessionName(id), token);
  assert.equal(sessionName(token.slice(0, 8)), token.slice(0, 8));
  for (const word of ['', '../x', 'a/b', 'a b', 'x'.repeat(23)]) assert.throws(() => sessionName(word), Failure);
  for (const word of ['', 'a-b', '../x', 'x'.repeat(13)]) assert.throws(() => workerName(word), Failure);
});

test('without a terminal a yes must be said', async () => {
  await confirm(true, 'This ends it.');
  await assert.rejects(
    confirm(false, 'This ends it.'),
    (error: unknown) => error instanceof Failure && error.exitCode === EXIT.usage && /--yes/.test(error.message),
  );
});
