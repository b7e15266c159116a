/** Sessions that no worker holds: their records stand, and their clients' next messages would find them an owner. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster, type MemoryCluster, type SessionDescription } from '@causeway/cluster';
import { ANONYMOUS, newWorkerId, type SessionToken, type WorkerId } from '@causeway/protocol';
import { silentLog } from '@causeway/runtime';
import { openEdge } from '../../src/index.ts';
import { edgeOptions } from '../edge-options.ts';
import { obliging, scriptedWorker, type Heard, type ScriptedWorker } from '../scripted-worker.ts';

const ID = 'w'.repeat(22) as SessionToken;
const PROCESS = { pid: 7, uptimeMs: 1000, rssBytes: 1 << 20 };

interface Told {
  readonly state?: string;
  readonly error?: { readonly reason: string; readonly message: string };
}

interface Setting {
  readonly cluster: MemoryCluster;
  readonly worker: ScriptedWorker;
  ask(method: string, id: string): Promise<[number, Told]>;
}

/** Holds nothing, and forgets whatever it is asked to forget. */
function without(cluster: MemoryCluster) {
  return (worker: ScriptedWorker, heard: Heard): void => {
    const { head, reply } = heard;
    if (head.t === 'describe') worker.say(reply, { t: 'ok' }, JSON.stringify({ sessions: [], total: 0, process: PROCESS }));
    else if (head.t === 'close') worker.say(reply, { t: 'no', reason: 'cluster.moved' });
    else if (head.t === 'forget')
      void cluster.sessions
        .get(head.session)
        .then((stored) => cluster.sessions.delete(head.session, stored!.revision))
        .then(() => worker.say(reply, { t: 'ok' }));
    else obliging(worker, heard);
  };
}

async function setting(t: TestContext): Promise<Setting> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster = stack.use(await openMemoryCluster());
  const worker = stack.use(await scriptedWorker(cluster, without(cluster)));
  const admin = { host: '127.0.0.1', port: 0, token: 'token' } as const;
  const edge = stack.use(await openEdge({ cluster, log: silentLog() }, { ...edgeOptions, admin }));
  return {
    cluster,
    worker,
    ask: async (method, id) => {
      const answer = await fetch(`${edge.admin!.url}/api/v1/sessions/${id}`, { method, headers: { authorization: 'Bearer token' } });
      return [answer.status, (await answer.json()) as Told];
    },
  };
}

async function recorded(cluster: MemoryCluster, owner: WorkerId): Promise<void> {
  await cluster.sessions.create(ID, {
    v: 1,
    server: 'echo',
    identity: ANONYMOUS,
    owner,
    epoch: 2,
    revision: '2025-11-25',
    initialize: { params: '{}', result: '{}' },
    created: Date.UTC(2026, 10, 26),
    transport: 'streamable',
  });
}

const waiting = (owner: WorkerId): SessionDescription => ({
  id: ID,
  server: 'echo',
  worker: owner,
  epoch: 2,
  state: 'waiting',
  identity: 'anonymous',
  transport: 'streamable',
  revision: '2025-11-25',
  opened: '2026-11-26T00:00:00.000Z',
  idleMs: null,
  calls: 0,
  streams: 0,
  pid: null,
});

for (const [where, ownerOf] of [
  ['is gone', () => newWorkerId()],
  ['has let it go', ({ id }: ScriptedWorker) => id],
] as const) {
  test(`a session whose owner ${where} is found by its whole id, and can be ended`, async (t) => {
    const { cluster, worker, ask } = await setting(t);
    const owner = ownerOf(worker);
    await recorded(cluster, owner);
    assert.deepEqual(await ask('GET', ID), [200, waiting(owner)]);
    assert.deepEqual(await ask('DELETE', ID), [200, { ...waiting(owner), state: 'ended' }]);
    assert.equal(await cluster.sessions.get(ID), undefined);
    assert.ok(await cluster.sessions.wasRemoved(ID));
    const [status, { error }] = await ask('DELETE', ID);
    assert.deepEqual([status, error?.reason, error?.message], [404, 'request.session_unknown', 'Session not found']);
  });
}

test('a session that was taken over while workers were asked is told as its owner tells it', async (t) => {
  const { cluster, worker, ask } = await setting(t);
  await recorded(cluster, worker.id);
  const held = { ...waiting(worker.id), state: 'open', idleMs: 5, pid: 1 };
  let asked = 0;
  worker.on(({ reply }) =>
    worker.say(reply, { t: 'ok' }, JSON.stringify({ sessions: (asked += 1) === 1 ? [] : [held], total: 0, process: PROCESS })),
  );
  assert.deepEqual(await ask('GET', ID), [200, held]);
});

test('of the beginning of an id it is not said that there is no such session', async (t) => {
  const { cluster, worker, ask } = await setting(t);
  await recorded(cluster, worker.id);
  const [status, { error }] = await ask('GET', ID.slice(0, 8));
  assert.deepEqual([status, error?.reason], [404, 'request.session_unknown']);
  assert.match(error!.message, /whole id/);
});

test('nothing is said of a session while records may be missing', async (t) => {
  const { cluster, ask } = await setting(t);
  Object.defineProperty(cluster.ledger, 'whole', { get: () => false });
  const [status, { error }] = await ask('GET', ID);
  assert.deepEqual([status, error?.reason], [503, 'cluster.owner_silent']);
});
