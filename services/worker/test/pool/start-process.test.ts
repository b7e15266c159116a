import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '@causeway/protocol';
import { GREETING, poolWorld, server, settle } from './pool-world.ts';

test('for want of a turn, or of a worker that goes on, nothing is said of the server', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  for (const reason of ['limit.worker', 'cluster.draining'] as const) {
    world.refusal = new CausewayError(reason);
    await assert.rejects(pool.lease({ exclusive: true }), { reason });
  }
  assert.deepEqual(world.starts, []);
  world.refusal = new CausewayError('server.start_failed');
  await assert.rejects(pool.lease({ exclusive: true }), { reason: 'server.start_failed' });
  assert.deepEqual(world.starts, ['failed']);
  assert.equal(world.held.size, 0);
});

test('a child that refuses its greeting has failed, unless it proves to be of the other era', async () => {
  for (const [supported, starts] of [
    ['2025-06-18', ['failed']],
    ['2026-07-28', []],
  ] as const) {
    const world = poolWorld();
    world.greets = false;
    const facts = { stderr: ['no database'] };
    const told = assert.rejects(world.of(server()).lease({ exclusive: true }), { reason: 'server.start_failed', facts });
    await settle();
    world.children[0]!.words = ['no database'];
    world.children[0]!.say({ id: 1, error: { code: -32022, message: 'no', data: { supported: [supported] } } });
    await told;
    assert.deepEqual(world.starts, starts);
    assert.equal(world.children[0]!.stops, 1);
    assert.equal(world.held.size, 0);
  }
});

test('who finds on the way to a child that its pool is discarded tells it nothing more; one that is given back hears its last words', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  await pool.lease({ exclusive: true });
  const { listeners } = world.children[0]!;
  assert.equal(listeners.right!.mayTouch(), true);
  world.woken = () => void pool.close(new CausewayError('cluster.owner_lost'));
  assert.equal(listeners.right!.mayTouch(), false);
  const other = poolWorld();
  const spared = other.of(server());
  (await spared.lease({ exclusive: true })).end('sound');
  other.time.advance(server().pool.idle + 1_000);
  await settle();
  assert.equal(other.children[0]!.stops, 1);
  assert.equal(other.children[0]!.listeners.right!.mayTouch(), true);
});

test('whoever waits for a child that does not start is told its last words, whether it is silent, breaks the protocol or cannot be read', async () => {
  const world = poolWorld();
  world.greets = false;
  const pool = world.of(server());
  const told = async (fails: () => void): Promise<unknown> => {
    const lease = pool.lease({ exclusive: true });
    await settle();
    world.children.at(-1)!.words = ['no database'];
    fails();
    return lease.catch(({ reason, facts }: CausewayError) => [reason, facts]);
  };
  const stderr = ['no database'];
  assert.deepEqual(await told(() => world.time.advance(20_000)), ['server.start_timeout', { stderr }]);
  const noise = (): void => world.children.at(-1)!.listeners.broken('noise');
  assert.deepEqual(await told(noise), ['server.start_failed', { why: 'noise', stderr }]);
  const invalid = (): void => world.children.at(-1)!.say('{"jsonrpc":"2.0","id":1,"result":{"a":}}');
  assert.deepEqual(await told(invalid), ['server.start_failed', { stderr }], 'nothing was executed');
});

test('a child that ends in the turn in which it answers its greeting has not started', async () => {
  const world = poolWorld();
  world.greets = false;
  const told = assert.rejects(world.of(server()).lease({ exclusive: true }), { reason: 'server.start_failed' });
  await settle();
  world.children[0]!.say({ id: 1, result: GREETING });
  world.children[0]!.exit();
  await told;
  assert.deepEqual(world.starts, ['failed']);
  assert.equal(world.held.size, 0);
});

test('a child whose place goes to others is ended, also while it starts', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const { process } = await pool.lease({ exclusive: true });
  world.revoke[0]!();
  assert.throws(() => process.assertThere(), { reason: 'session.ended' });
  world.greets = false;
  const told = assert.rejects(pool.lease({ exclusive: true }), { reason: 'cluster.unavailable' });
  await settle();
  world.revoke[1]!();
  await told;
  assert.ok(world.children.every(({ stops }) => stops > 0));
  assert.equal(world.held.size, 0);
});
