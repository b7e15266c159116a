import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { openMemoryCluster } from '@causeway/cluster';
import { ANONYMOUS, identityOf, type CausewayError } from '@causeway/protocol';
import { fakeTime } from '@causeway/runtime';
import type { StartChild } from '../src/starts.ts';
import { Nursery, type Message } from './era/scripted-child.ts';
import { INITIALIZE, open, openSse, POISON, refused, setting, type Setting } from './real-worker.ts';

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

test('a server that breaks the protocol at its start has failed to start, and is told so with why and its last words', async (t) => {
  const at = await setting(t);
  for (let nth = 0; nth < 5; nth++)
    await assert.rejects(open(at, 'noisy', `noise${nth}_`), (error: CausewayError) => {
      assert.deepEqual([error.reason, error.facts], ['server.start_failed', { why: 'noise', stderr: ['no licence'] }]);
      return true;
    });
  assert.equal(await opening(at, 'noisy'), 'server.crash_loop');
});

test('a server whose answer to initialize is no JSON has failed to start', async (t) => {
  const at = await setting(t);
  // Its clients are told so in an answer.
  for (let nth = 0; nth < 5; nth++) assert.equal(await opening(at, 'garbled'), undefined);
  assert.equal(await opening(at, 'garbled'), 'server.crash_loop');
});

/** A worker in time that stands still until told, with children of which each exits as it is asked to initialize, until they are well. */
function scripted() {
  const { clock, wheel, advance } = fakeTime();
  const world = { well: false, nursery: new Nursery() };
  const start: StartChild = async (_session, _server, listeners) => {
    const child = await world.nursery.start(listeners);
    const write = child.write.bind(child);
    child.write = (frame) => {
      const taken = write(frame);
      const { id } = child.take().at(-1) as Message;
      const result = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } };
      queueMicrotask(() => (world.well ? id !== undefined && child.say({ id, result }) : child.exit()));
      return taken;
    };
    return child;
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      advance(50);
      await turn();
    }
  };
  const machine = { clock, wheel, random: () => 0, start, sweep: async () => ({ [Symbol.asyncDispose]: async () => undefined }) };
  return Object.assign(world, { machine, pass });
}

test('a 2024-11-05 client that says nothing keeps no trial start from others for longer than a start may take', async (t) => {
  const world = scripted();
  const at = await setting(t, { machine: world.machine });
  for (let nth = 0; nth < 5; nth++) assert.equal(await opening(at, 'git'), 'server.start_failed');
  world.well = true;
  await world.pass(1_000);
  await openSse(t, at, 'git', 'silent');
  await world.pass(19_900);
  assert.equal(await opening(at, 'git'), 'server.crash_loop');
  await world.pass(100);
  assert.equal(await opening(at, 'git'), undefined);
});

test('a child that breaks the protocol before it has answered a 2024-11-05 client has failed to start', async (t) => {
  const world = scripted();
  const at = await setting(t, { machine: world.machine });
  for (let nth = 1; nth <= 5; nth++) {
    await openSse(t, at, 'git', `noise${nth}_`);
    const child = await world.nursery.nth(nth);
    child.say('INFO started');
    child.listeners.broken('noise');
  }
  assert.equal(await opening(at, 'git'), 'server.crash_loop');
});

test('a child that ends while the record of a 2024-11-05 session is written has failed to start, and its client is told so', async (t) => {
  const world = scripted();
  const cluster = await openMemoryCluster();
  const create = cluster.sessions.create.bind(cluster.sessions);
  cluster.sessions.create = async (...record) => {
    world.nursery.children[0]!.exit();
    return create(...record);
  };
  const at = await setting(t, { machine: world.machine, cluster });
  await assert.rejects(openSse(t, at, 'git', 'early'), (error: CausewayError) => {
    assert.deepEqual([error.reason, error.facts], ['server.start_failed', { stderr: [], exitCode: 0 }]);
    return true;
  });
});
