/** What a worker says to whoever asks it to take a session over: a real worker with real children. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type ClaimHead, type SessionsAnswer, type VerdictHead } from '@causeway/cluster';
import { ANONYMOUS, newWorkerId } from '@causeway/protocol';
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

test('while a place is waited for the record is the former owner’s: who means another owner ends nothing, an operator ends it all', async (t) => {
  const here = await setting(t);
  const { bus, sessions, subjects } = here.cluster;
  const { record } = (await sessions.get(await open(here, 'lasting', 'a')))!;
  const full = await Promise.all('bcdefgh'.split('').map((name) => open(here, 'git', name)));
  const owner = newWorkerId();
  const [one, other] = ['1', '2'].map((name) => name.repeat(22) as (typeof full)[0]);
  const claim = async (t: ClaimHead['t'], session = one!, from = { owner, epoch: 1 }): Promise<VerdictHead> => {
    const head: ClaimHead = { t, session, identity: ANONYMOUS, absent: true, from };
    return decode<VerdictHead>((await bus.request(subjects.open(here.worker.id), encode(head), { deadline: 10_000 })).data)!.head;
  };
  for (const session of [one!, other!]) await sessions.create(session, { ...record, owner });
  const [taken, given] = [claim('restore'), claim('restore', other)];
  const held = async (): Promise<number> => (await ask<SessionsAnswer>(here, { t: 'list' })).total;
  while ((await held()) < full.length + 3);
  const forgotten = claim('forget', one, { owner: newWorkerId(), epoch: 2 });
  await ask(here, { t: 'end', session: other! });
  assert.equal((await given).t, 'no');
  assert.equal(await sessions.get(other!), undefined);
  await ask(here, { t: 'end', session: full[0]! });
  assert.equal((await taken).place?.epoch, 2);
  assert.deepEqual((await forgotten).place, { owner: here.worker.id, epoch: 2 });
  assert.equal((await sessions.get(one!))?.record.owner, here.worker.id);
});
