import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError, type Identity } from '@causeway/protocol';
import type { Pool } from '../../src/pool/pool.ts';
import { openWatch } from '../../src/pool/watch.ts';
import { GREETING, poolWorld, server, settle } from './pool-world.ts';

const EXCLUSIVE = { exclusive: true };
const SHARED = { exclusive: false };
const running = (children: readonly { readonly stops: number }[]): number => children.filter(({ stops }) => stops === 0).length;

test('one child after the other serves, and is held alone', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const first = await pool.lease(EXCLUSIVE);
  const second = await pool.lease(EXCLUSIVE);
  assert.notEqual(first.process, second.process);
  first.end('sound');
  const third = await pool.lease(EXCLUSIVE);
  assert.equal(third.process, first.process);
  assert.equal(world.children.length, 2);
  assert.equal(world.held.size, 2);
});

test('ten thousand uses, one after the other, leave one child', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  for (let use = 0; use < 10_000; use++) (await pool.lease(EXCLUSIVE)).end('sound');
  assert.equal(world.children.length, 1);
});

test('many that share, at once and before there is any child, start one', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const leases = await Promise.all(Array.from({ length: 64 }, () => pool.lease(SHARED)));
  assert.equal(world.children.length, 1);
  assert.equal(new Set(leases.map(({ process }) => process)).size, 1);
  const [alone] = await Promise.all([pool.lease(EXCLUSIVE), pool.lease(SHARED)]);
  assert.notEqual(alone.process, leases[0]!.process);
  assert.equal(world.children.length, 3);
});

test('beyond the maximum one waits, is served in its order, and not for ever', async () => {
  const world = poolWorld();
  const pool = world.of(server({ max: 2 }));
  const [one] = [await pool.lease(EXCLUSIVE), await pool.lease(EXCLUSIVE)];
  const order: string[] = [];
  const third = pool.lease(EXCLUSIVE).then((lease) => (order.push('third'), lease));
  const fourth = pool.lease(EXCLUSIVE).then((lease) => (order.push('fourth'), lease));
  const late = assert.rejects(fourth, { reason: 'server.busy' });
  await settle();
  assert.equal(world.children.length, 2);
  one.end('sound');
  await third;
  assert.deepEqual(order, ['third']);
  world.time.advance(30_000);
  await late;
});

test('a child that is started is waited for as long as its server is given for that', async () => {
  const world = poolWorld();
  world.greets = false;
  const pool = world.of(server({ max: 1 }, { startTimeout: 120_000 }));
  const leases = [pool.lease(EXCLUSIVE), pool.lease(EXCLUSIVE)];
  await settle();
  world.time.advance(110_000);
  world.children[0]!.say({ id: 1, result: GREETING });
  const first = await leases[0]!;
  first.end('sound');
  assert.equal((await leases[1]!).process, first.process);
  assert.equal(world.children.length, 1);
});

test('a child that ends while it is used is given to nobody when the use is over', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const lease = await pool.lease(EXCLUSIVE);
  world.children[0]!.exit();
  await settle();
  lease.end('sound');
  const next = await pool.lease(EXCLUSIVE);
  assert.notEqual(next.process, lease.process);
  assert.equal(world.children.length, 2);
});

test('after a doubtful use the child serves nobody again, and its place is free', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  (await pool.lease(EXCLUSIVE)).end('doubtful');
  await settle();
  assert.equal(running(world.children), 0);
  assert.equal(world.held.size, 0);
  await pool.lease(EXCLUSIVE);
  assert.equal(world.children.length, 2);
});

test('a shared child that goes doubtful finishes what others do with it, and takes nothing new', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const [one, other] = [await pool.lease(SHARED), await pool.lease(SHARED)];
  assert.equal(one.process, other.process);
  one.end('doubtful');
  await settle();
  assert.equal(running(world.children), 1);
  assert.notEqual((await pool.lease(SHARED)).process, one.process);
  other.end('sound');
  await settle();
  assert.equal(running(world.children), 1);
});

test('a child is never held alone while others use it', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const shared = await pool.lease(SHARED);
  const alone = await pool.lease(EXCLUSIVE);
  assert.notEqual(alone.process, shared.process);
  assert.equal((await pool.lease(SHARED)).process, shared.process);
});

test('an end that comes twice counts once', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const lease = await pool.lease(EXCLUSIVE);
  lease.end('sound');
  const next = await pool.lease(EXCLUSIVE);
  lease.end('doubtful');
  await settle();
  assert.equal(running(world.children), 1);
  next.end('sound');
});

test('one that was idle for long is asked first: any answer is life, silence is death', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const first = await pool.lease(EXCLUSIVE);
  first.end('sound');
  world.time.advance(60_000);
  assert.equal((await pool.lease(EXCLUSIVE)).process, first.process);
  first.process.holder = undefined;
  const silent = poolWorld();
  const other = silent.of(server());
  (await other.lease(EXCLUSIVE)).end('sound');
  silent.time.advance(60_000);
  silent.healthy = false;
  const wanted = other.lease(EXCLUSIVE);
  await settle();
  silent.time.advance(2_000);
  await wanted;
  assert.equal(silent.children.length, 2);
  assert.equal(running(silent.children), 1);
});

test('after a burst one child is kept, the others are stopped soon', async () => {
  const world = poolWorld();
  const pool = world.of(server({ idle: 90_000 }));
  const burst = await Promise.all([pool.lease(EXCLUSIVE), pool.lease(EXCLUSIVE), pool.lease(EXCLUSIVE)]);
  for (const lease of burst) lease.end('sound');
  world.time.advance(30_010);
  await settle();
  assert.equal(running(world.children), 1);
  assert.equal(world.held.size, 1);
});

test('one that nobody uses is stopped after a while', async () => {
  const world = poolWorld();
  const pool = world.of(server({ idle: 90_000 }));
  (await pool.lease(EXCLUSIVE)).end('sound');
  world.time.advance(89_000);
  await settle();
  assert.equal(running(world.children), 1);
  world.time.advance(2_000);
  await settle();
  assert.equal(running(world.children), 0);
  assert.equal(world.held.size, 0);
});

test('a child that ends is replaced, and its users are told', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const lease = await pool.lease(EXCLUSIVE);
  const told = assert.rejects(lease.process.ask('tools/list', '{}'), { reason: 'server.exited' });
  world.children[0]!.exit();
  await told;
  lease.end('doubtful');
  await pool.lease(EXCLUSIVE);
  assert.equal(world.children.length, 2);
  assert.equal(world.held.size, 1);
});

test('calls that wait for their clients leave a child to others', async () => {
  const world = poolWorld();
  const pool = world.of(server({ max: 2 }));
  const [one, other] = [await pool.lease(EXCLUSIVE), await pool.lease(EXCLUSIVE)];
  assert.ok(pool.park(one.process, true));
  assert.ok(!pool.park(other.process, true));
  assert.ok(pool.park(one.process, false));
  assert.ok(pool.park(other.process, true));
  other.end('sound');
  assert.ok(pool.park(one.process, true), 'a use that ended waits for nobody');
});

test('identities never share a child, unless the server is shared', async () => {
  const world = poolWorld();
  const own = server();
  (await world.of(own, 'a').lease(EXCLUSIVE)).end('sound');
  (await world.of(own, 'b').lease(EXCLUSIVE)).end('sound');
  assert.equal(world.children.length, 2);
  const shared = server({}, { name: 'shared', sharing: 'shared' });
  (await world.of(shared, 'a').lease(EXCLUSIVE)).end('sound');
  (await world.of(shared, 'b').lease(EXCLUSIVE)).end('sound');
  assert.equal(world.children.length, 3);
});

test('with sharing per request nobody meets what another has left', async () => {
  const world = poolWorld();
  const pool = world.of(server({}, { sharing: 'per-request' }));
  for (let use = 0; use < 3; use++) {
    (await pool.lease(EXCLUSIVE)).end('sound');
    await settle();
  }
  assert.equal(world.children.length, 3);
  assert.equal(running(world.children), 0);
});

test('what is idle is given up before somebody is refused for want of a place', async () => {
  const world = poolWorld();
  const one = server();
  (await world.of(one, 'a').lease(EXCLUSIVE)).end('sound');
  world.limit = 1;
  await world.of(one, 'b').lease(EXCLUSIVE);
  assert.equal(running(world.children), 1);
  await assert.rejects(world.of(one, 'c').lease(EXCLUSIVE), { reason: 'limit.worker' });
});

test('a child of another worker is given up where there is none here, once for each that needs a place', async () => {
  const world = poolWorld();
  const one = server();
  (await world.of(one, 'a').lease(EXCLUSIVE)).end('sound');
  world.limit = 1;
  let asked = 0;
  world.elsewhere = () => {
    asked += 1;
    world.limit += 1;
    return true;
  };
  await world.of(one, 'b').lease(EXCLUSIVE);
  assert.equal(asked, 0, 'there was one here');
  await world.of(one, 'c').lease(EXCLUSIVE);
  assert.equal(asked, 1);
  world.elsewhere = () => false;
  await assert.rejects(world.of(one, 'd').lease(EXCLUSIVE), { reason: 'limit.worker' });
});

test('an identity that is at its own limit costs no other its child', async () => {
  const world = poolWorld();
  const one = server();
  const of = (whom: string): Pool => world.pools.of(one, 'legacy', { identity: whom as Identity, share: whom as Identity });
  for (const whom of ['b', 'a']) (await of(whom).lease(EXCLUSIVE)).end('sound');
  const admit = world.pools.makingRoom(async () => {
    throw new CausewayError('limit.identity');
  });
  for (let nth = 0; nth < 2; nth++) await assert.rejects(admit({ server: 's', identity: 'a' as Identity, limits: {} }, {}));
  assert.deepEqual([of('a').size, of('b').size], [0, 1]);
});

test('whoever finds no place waits for a child of its own pool that is in use', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const lease = await pool.lease(EXCLUSIVE);
  world.limit = 1;
  const next = pool.lease(EXCLUSIVE);
  await settle();
  lease.end('sound');
  assert.equal((await next).process, lease.process);
});

test('whoever finds no place is told so where no child of its own pool becomes free by itself, and has the next place that is', async () => {
  const world = poolWorld();
  world.full = 'limit.total';
  const pool = world.of(server());
  const watch = await openWatch(pool, () => undefined);
  world.limit = 1;
  await assert.rejects(pool.lease(EXCLUSIVE), { reason: 'limit.total' });
  world.limit = 2;
  const lease = await pool.lease(EXCLUSIVE);
  assert.notEqual(lease.process, watch.process);
  const waits = pool.lease(EXCLUSIVE);
  await settle();
  const told = assert.rejects(waits, { reason: 'limit.total' });
  assert.ok(pool.park(lease.process, true), 'its client is asked while another call waits for its child');
  await told;
  assert.equal(world.children.length, 2);
});

test('a child that others share is not waited for by whoever wants it alone while a subscription uses it', async () => {
  const world = poolWorld();
  world.full = 'limit.server';
  const pool = world.of(server());
  const lasting = await pool.lease({ exclusive: false, lasts: true });
  world.limit = 1;
  await assert.rejects(pool.lease(EXCLUSIVE), { reason: 'limit.server' });
  const other = await pool.lease(SHARED);
  assert.equal(other.process, lasting.process);
  other.end('doubtful');
  await assert.rejects(pool.lease(SHARED), { reason: 'limit.server' }, 'it serves nobody any more, and stays');
  lasting.end('sound');
  await settle();
  assert.notEqual((await pool.lease(SHARED)).process, lasting.process);
});

test('a worker without room says so where another has some, and has its own child waited for where none has', async () => {
  const world = poolWorld();
  const pool = world.of(server());
  const lease = await pool.lease(EXCLUSIVE);
  world.limit = 1;
  const waits = pool.lease(EXCLUSIVE);
  await settle();
  world.roomElsewhere = true;
  lease.end('sound');
  assert.equal((await waits).process, lease.process);
  await assert.rejects(pool.lease(EXCLUSIVE), { reason: 'limit.worker' });
});

test('everybody who has waited for a child that does not start is told why, and nothing is started again for them', async () => {
  for (const [wish, max, starts] of [
    [SHARED, 3, 1],
    [EXCLUSIVE, 2, 2],
  ] as const) {
    const world = poolWorld();
    world.greets = false;
    const pool = world.of(server({ max }));
    const told = Promise.all(Array.from({ length: 5 }, () => assert.rejects(pool.lease(wish), { reason: 'server.start_failed' })));
    await settle();
    for (const child of world.children) child.exit();
    await told;
    assert.equal(world.children.length, starts);
    assert.equal(world.held.size, 0);
  }
});

test('while another child starts, or will be free, one is told of each start that fails, and the others wait for that child', async () => {
  const world = poolWorld();
  world.greets = false;
  const pool = world.of(server({ max: 2 }));
  const [first, second, third, fourth] = [EXCLUSIVE, EXCLUSIVE, EXCLUSIVE, EXCLUSIVE].map((wish) => pool.lease(wish));
  await settle();
  const refused = Promise.all([first, third].map((one) => assert.rejects(one!, { reason: 'server.start_failed' })));
  world.children[0]!.exit();
  await settle();
  world.children[1]!.say({ id: 1, result: GREETING });
  const lease = await second!;
  await settle();
  world.children[2]!.exit();
  await refused;
  lease.end('sound');
  assert.equal((await fourth!).process, lease.process);
});

test('when all is discarded nothing is left, and what is asked afterwards begins anew', async () => {
  const world = poolWorld();
  const one = server();
  const lease = await world.of(one).lease(EXCLUSIVE);
  const told = assert.rejects(lease.process.ask('x', '{}'), { reason: 'session.ended' });
  await world.pools.discard(new CausewayError('session.ended'));
  await told;
  assert.equal(running(world.children), 0);
  assert.equal(world.held.size, 0);
  (await world.of(one).lease(EXCLUSIVE)).end('sound');
  assert.equal(running(world.children), 1);
});

test('whoever discards all waits also for the children that are greeted at that moment', async () => {
  const world = poolWorld();
  world.greets = false;
  const told = assert.rejects(world.of(server()).lease(EXCLUSIVE), { reason: 'cluster.owner_lost' });
  await settle();
  await world.pools.discard(new CausewayError('cluster.owner_lost'));
  await told;
  assert.deepEqual(
    world.children.map(({ stops }) => stops),
    [1],
  );
  assert.equal(world.held.size, 0);
  assert.equal(world.time.wheel.size, 0);
  assert.deepEqual(world.starts, [], 'nothing is said of the server');
});

test('of a definition that is no longer in force whoever uses a child keeps it, nobody has it after, and others have a new one', async () => {
  const world = poolWorld();
  const old = server();
  const used = await world.of(old).lease(EXCLUSIVE);
  const waits = world.of(server({ max: 1 }, { name: 'other' }));
  (await world.of(old).lease(EXCLUSIVE)).end('sound');
  await waits.lease(EXCLUSIVE);
  world.inForce = (one) => one !== old;
  world.pools.retire();
  await settle();
  assert.equal(running(world.children), 2, 'what was idle is ended');
  const now = server();
  const fresh = await world.of(now).lease(EXCLUSIVE);
  assert.notEqual(fresh.process, used.process);
  const late = await world.of(old).lease(EXCLUSIVE);
  assert.equal(world.of(now), world.of(now));
  late.end('sound');
  used.end('sound');
  await settle();
  assert.equal(running(world.children), 2, 'that of the other server, and the fresh one');
  fresh.end('sound');
  await world.pools.discard(new CausewayError('cluster.draining'));
  assert.deepEqual([running(world.children), world.held.size], [0, 0]);
});
