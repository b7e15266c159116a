/** What operators ask of a worker, over the bus: a real worker with real children. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type AskHead, type DownHead, type SessionsAnswer, type StandingAnswer, type VerdictHead } from '@causeway/cluster';
import { ANONYMOUS, identityOf } from '@causeway/protocol';
import { createHealth, healthText } from '@causeway/runtime';
import { ask, open, refused, setting } from './real-worker.ts';

test('sessions are listed, the newest first, without what their commands and environments hold', async (t) => {
  const here = await setting(t);
  const git = await open(here, 'git', 'ga');
  const time = await open(here, 'time', 'ti', identityOf('api-key', 'team'));
  const all = await ask<SessionsAnswer>(here, { t: 'list' });
  assert.deepEqual(
    all.sessions.map(({ id, server: name, state, identity, revision, transport, worker, epoch, calls, streams }) => [
      [id, name, state, identity, revision],
      [transport, worker === here.worker.id, epoch, calls, streams],
    ]),
    [
      [
        [time, 'time', 'open', identityOf('api-key', 'team').slice(0, 8), '2025-06-18'],
        ['streamable', true, 1, 0, 0],
      ],
      [
        [git, 'git', 'open', 'anonymous', '2025-06-18'],
        ['streamable', true, 1, 0, 0],
      ],
    ],
  );
  const [first] = all.sessions;
  assert.ok(process.kill(first!.pid!, 0));
  assert.ok(Math.abs(Date.parse(first!.opened) - Date.now()) < 60_000);
  assert.ok(first!.idleMs! >= 0 && first!.idleMs! < 60_000);
  assert.equal(all.process.pid, process.pid);
  assert.ok(!JSON.stringify(all).includes('S3CRET'));
  const one = await ask<SessionsAnswer>(here, { t: 'list', server: 'git', limit: 5 });
  assert.deepEqual([one.total, one.sessions.map(({ id }) => id)], [1, [git]]);
  const none = await ask<SessionsAnswer>(here, { t: 'list', limit: 0 });
  assert.deepEqual([none.total, none.sessions], [2, []]);
});

test('a session is found by the beginning of its token', async (t) => {
  const here = await setting(t);
  await open(here, 'git', 'aa1');
  await open(here, 'git', 'aa2');
  const found = async (session: string): Promise<number> => (await ask<SessionsAnswer>(here, { t: 'describe', session })).sessions.length;
  assert.deepEqual([await found('aa'), await found('aa2'), await found('b')], [2, 1, 0]);
});

test('an ended session is gone, child and all, when that is said', async (t) => {
  const here = await setting(t);
  const session = await open(here, 'git', 'ga');
  const pid = (await ask<SessionsAnswer>(here, { t: 'describe', session })).sessions[0]!.pid!;
  await ask(here, { t: 'end', session });
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  assert.equal((await ask<SessionsAnswer>(here, { t: 'list' })).total, 0);
  await assert.rejects(ask(here, { t: 'end', session }), refused('request.session_unknown'));
  assert.equal(await here.cluster.sessions.get(session), undefined);
});

test('a worker that is about to leave is not ready and is placed nothing on; what comes all the same is still taken in', async (t) => {
  const health = createHealth();
  const here = await setting(t, { health });
  const { ledger } = here.cluster;
  const told = new Promise<void>(
    (resolve) => void ledger.onChange(() => ledger.workers().get(here.worker.id)?.draining === true && resolve()),
  );
  assert.equal(health.ready().status, 200);
  here.worker.unready();
  assert.match(healthText(health.ready()), /^\[-\]drain failing: shutting down$/m);
  await told;
  await open(here, 'git', 'ga');
  await assert.rejects(ask(here, { t: 'resume' }), refused('cluster.draining'));
});

test('a drained worker keeps its sessions and takes no new ones; resumed, it takes them again', async (t) => {
  const here = await setting(t);
  const session = await open(here, 'git', 'ga');
  const { ledger } = here.cluster;
  const drained = (): boolean | undefined => ledger.workers().get(here.worker.id)?.draining;
  const told = new Promise<void>((resolve) => void ledger.onChange(() => drained() === true && resolve()));
  assert.deepEqual(await ask<StandingAnswer>(here, { t: 'drain' }), { draining: true, sessions: 1 });
  await told;
  await assert.rejects(open(here, 'git', 'gb'), refused('cluster.draining'));
  const info = await here.cluster.bus.request(
    here.cluster.subjects.sessionControl(here.worker.id, { token: session, epoch: 1 }),
    encode({ t: 'info', identity: ANONYMOUS }),
    { deadline: 5_000 },
  );
  assert.equal(decode<VerdictHead>(info.data)?.head.t, 'ok');
  assert.deepEqual(await ask<StandingAnswer>(here, { t: 'resume' }), { draining: false, sessions: 1 });
  // What was refused is refused as before, should its edge have heard nothing.
  await assert.rejects(open(here, 'git', 'gb'), refused('cluster.draining'));
  await open(here, 'git', 'gc');
  await here.worker.drain(0);
  await assert.rejects(ask(here, { t: 'resume' }), refused('cluster.draining'));
});

test('whether a worker is there is answered, with how often it may have lost something', async (t) => {
  const { cluster, worker } = await setting(t);
  const { data } = await cluster.bus.request(cluster.subjects.alive(worker.id), encode({ t: 'alive' }), { deadline: 5_000 });
  assert.deepEqual(decode<DownHead>(data)?.head, { t: 'living', losses: 0 });
  // What comes back from an edge may have been lost on its way, and not with its edge.
  cluster.bus.publish('nobody.is.there', encode({ t: 'ping' }), cluster.subjects.callLost(worker.id, 'g1', 1, 1));
  const losses = async (): Promise<number> => {
    const again = await cluster.bus.request(cluster.subjects.alive(worker.id), encode({ t: 'alive' }), { deadline: 5_000 });
    const head = decode<DownHead>(again.data)?.head;
    return head?.t === 'living' ? head.losses : -1;
  };
  assert.equal(await losses(), 1);
  // Who asks quietly hears only from the bus, and only when nobody is there.
  const quiet = cluster.bus.request(cluster.subjects.alive(worker.id), encode({ t: 'alive', quiet: true }), { deadline: 50 });
  await assert.rejects(quiet, { failure: 'timeout' });
});

test('a question of a newer version is refused, and bytes that are none are dropped', async (t) => {
  const here = await setting(t);
  await assert.rejects(ask(here, { t: 'dance' } as unknown as AskHead), refused('request.invalid'));
  const subject = here.cluster.subjects.control(here.worker.id);
  await assert.rejects(here.cluster.bus.request(subject, Buffer.from('x'), { deadline: 50 }), { name: 'BusError' });
  assert.equal((await ask<SessionsAnswer>(here, { t: 'list' })).total, 0);
});
