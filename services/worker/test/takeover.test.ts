/** What a worker says to whoever asks it to take a session over: a real worker with real children. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type ClaimHead, type SessionsAnswer, type VerdictHead } from '@causeway/cluster';
import { ANONYMOUS } from '@causeway/protocol';
import { ask, open, setting } from './real-worker.ts';

test('a session that ended here does not come back, though the store was set back and has its record again', async (t) => {
  const here = await setting(t);
  const { bus, sessions, subjects } = here.cluster;
  const token = await open(here, 'lasting', 'la');
  const { record } = (await sessions.get(token))!;
  await ask(here, { t: 'end', session: token });
  const other = await open(here, 'lasting', 'lo');
  for (const back of ['zz' + token.slice(2), token].map((name) => name as typeof token)) await sessions.create(back, record);
  const claim = (session: typeof token): ClaimHead => ({
    ...{ t: 'restore', session, identity: ANONYMOUS, absent: true },
    from: { owner: here.worker.id, epoch: 1 },
  });
  const restore = async (session: typeof token): Promise<VerdictHead> =>
    decode<VerdictHead>((await bus.request(subjects.open(here.worker.id), encode(claim(session)), { deadline: 10_000 })).data)!.head;
  assert.equal((await restore(token)).reason, 'request.session_unknown');
  assert.equal(await sessions.get(token), undefined);
  assert.equal((await restore(other)).place?.epoch, 1, 'another lives on');
  assert.equal((await restore(('zz' + token.slice(2)) as typeof token)).place?.epoch, 2, 'one that is not known here is taken over');
  assert.equal((await ask<SessionsAnswer>(here, { t: 'list' })).total, 2);
});
