/** What a worker says to whoever asks it to take a session over: a real worker with real children. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type ClaimHead, type SessionsAnswer, type VerdictHead } from '@causeway/cluster';
import { ANONYMOUS, newWorkerId, type CausewayError, type SessionToken, type WorkerId } from '@causeway/protocol';
import type { Look } from '../src/absences.ts';
import { Takeover } from '../src/takeover.ts';
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

/** A takeover whose looks at the owner find what the script says, 250 ms apart; when the owner's record was taken away. */
async function deposedAt(script: (ms: number) => Look): Promise<number | undefined> {
  let [now, deposed]: [number, number | undefined] = [0, undefined];
  const owner = newWorkerId();
  const record = { v: 1, server: 's', identity: ANONYMOUS, owner, epoch: 1 };
  const ledger = {
    whole: true,
    workers: () => new Map(deposed === undefined ? [[owner, {}]] : []),
    caughtUp: async () => undefined,
    depose: async (_worker: WorkerId, { left }: { readonly left: boolean }) => {
      if (left) deposed = now;
      return left;
    },
  };
  const sessions = { get: async () => ({ record, revision: 1 }), look: async () => ({ id: 'g', since: 0 }), delete: async () => true };
  /** One that is not answered takes its time. */
  const look = async (): Promise<Look> => {
    const found = script(now);
    if (typeof found === 'string') now += 250;
    return found;
  };
  const takeover = new Takeover({
    cluster: { ledger, sessions },
    worker: newWorkerId(),
    capacity: { find: () => undefined, hasEnded: () => false },
    absences: { look },
    servers: { get: () => undefined },
    now: () => now,
    sleep: async (ms: number) => void (now += ms),
  } as unknown as ConstructorParameters<typeof Takeover>[0]);
  const head: ClaimHead = { t: 'forget', session: '1'.repeat(22) as SessionToken, identity: ANONYMOUS, from: { owner, epoch: 1 } };
  await takeover.take(head, 'reply', () => undefined).catch((error: CausewayError) => assert.equal(error.reason, 'cluster.owner_silent'));
  return deposed;
}

test('whoever is known to have left is deposed when every look has found nobody for two seconds; one that was there meanwhile may act', async () => {
  const gone: Look = { left: true };
  assert.equal(await deposedAt(() => gone), 2_000);
  assert.equal(await deposedAt((ms) => (ms === 1_000 ? 'there' : gone)), 3_250);
  assert.equal(await deposedAt((ms) => (ms === 1_500 ? 'late' : gone)), 4_000);
  assert.equal(await deposedAt((ms) => (ms % 1_000 === 0 ? 'there' : gone)), undefined);
  assert.equal(await deposedAt(() => ({ left: false })), undefined);
});

/** What becomes of a session whose owner has no record here, while another one of it is on its way to this view. */
async function forgotten(onItsWay: object | undefined): Promise<string> {
  const owner = newWorkerId();
  const workers = new Map<WorkerId, object>();
  const steps: string[] = [];
  const ledger = {
    whole: true,
    workers: () => workers,
    caughtUp: async () => {
      steps.push('caught up');
      if (onItsWay !== undefined) workers.set(owner, onItsWay);
    },
  };
  const record = { v: 1, server: 's', identity: ANONYMOUS, owner, epoch: 1 };
  const sessions = {
    get: async () => {
      steps.push('read');
      return { record, revision: 1 };
    },
    look: async () => ({ id: 'g', since: 0 }),
    delete: async () => steps.push('deleted') > 0,
  };
  const takeover = new Takeover({
    ...{ cluster: { ledger, sessions }, worker: newWorkerId(), servers: { get: () => undefined }, now: () => 0 },
    capacity: { find: () => undefined, hasEnded: () => false },
  } as unknown as ConstructorParameters<typeof Takeover>[0]);
  const head: ClaimHead = { t: 'forget', session: '1'.repeat(22) as SessionToken, identity: ANONYMOUS, from: { owner, epoch: 1 } };
  await takeover.take(head, 'reply', () => undefined).catch((error: CausewayError) => steps.push(error.reason));
  return steps.join(', ');
}

/** What becomes of a session of another generation than the one that is told, whose record stands at 9. */
async function ofAnother(told: { readonly revision: number; readonly since: number }): Promise<string> {
  const owner = newWorkerId();
  const steps: string[] = [];
  let now = 100_000;
  const record = { v: 1, server: 's', identity: ANONYMOUS, owner, epoch: 1, generation: 'another' };
  const sessions = {
    get: async () => ({ record, revision: 9 }),
    look: async () => ({ id: 'told', ...told }),
    delete: async () => steps.push('deleted') > 0,
  };
  const takeover = new Takeover({
    ...{ cluster: { ledger: { whole: true }, sessions }, worker: newWorkerId(), servers: { get: () => undefined }, now: () => now },
    sleep: async (ms: number) => void (now += ms),
    capacity: { find: () => undefined, hasEnded: () => false },
  } as unknown as ConstructorParameters<typeof Takeover>[0]);
  const head: ClaimHead = { t: 'forget', session: '1'.repeat(22) as SessionToken, identity: ANONYMOUS, from: { owner, epoch: 1 } };
  await takeover.take(head, 'reply', () => undefined).catch((error: CausewayError) => steps.push(error.reason));
  return steps.join(', ');
}

test('a record of a former generation is removed, but none that was written behind what is told of generations: that may be an old word', async () => {
  assert.equal(await ofAnother({ revision: 10, since: 0 }), 'deleted, request.session_unknown');
  assert.equal(
    await ofAnother({ revision: 10, since: 100_000 }),
    'deleted, request.session_unknown',
    'once it could have been written again',
  );
  assert.equal(await ofAnother({ revision: 8, since: 0 }), 'cluster.owner_silent');
});

test('an owner whose record is missing may have another one that was not seen yet, and have kept its sessions', async () => {
  assert.equal(await forgotten(undefined), 'read, caught up, deleted');
  assert.equal(await forgotten({}), 'read, caught up, cluster.owner_silent');
  assert.equal(await forgotten({ left: true }), 'read, caught up, deleted');
});
