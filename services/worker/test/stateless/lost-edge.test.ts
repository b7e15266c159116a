/** Requests without a session whose edge is not found: it may only have lost its connection for a moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANONYMOUS, type Identity } from '@causeway/protocol';
import { GRACE } from '../../src/session/readers.ts';
import { MOST } from '../../src/stateless/sent-answers.ts';
import { server, settle } from '../pool/pool-world.ts';
import type { Message, ScriptedChild } from '../era/scripted-child.ts';
import { statelessWorld, type StatelessWorld } from './stateless-world.ts';

interface Called {
  readonly world: StatelessWorld;
  readonly stream: string;
  readonly child: ScriptedChild;
  readonly id: number;
}

/** A call with one progress on its way, and another that reaches nobody. */
async function unfound(): Promise<Called> {
  const world = statelessWorld(server(), 'modern');
  const stream = world.ask(1, { meta: { progressToken: 'p' } });
  const child = await world.nursery.nth(1);
  await settle();
  const called = { world, stream, child, id: child.take().findLast(({ method }) => method === 'tools/call')!.id as number };
  for (const at of [1, 2]) progress(called, at);
  world.door.lost(stream, 1, 2, false);
  return called;
}

const progress = ({ child, id }: Called, at: number): void =>
  child.say({ method: 'notifications/progress', params: { progressToken: id, progress: at } });

/** The edge is back, and has everything up to `after`. */
function comeBack({ world, stream }: Called, after: number): void {
  world.door.control(stream, { t: 'attach', identity: ANONYMOUS, stream, after }, `cw.e.edge.g.${stream}`);
}

const cancelled = ({ child }: Called): boolean => child.take().some(({ method }) => method === 'notifications/cancelled');

/** Positions of what was said on the stream, and what else was said. */
const said = ({ world, stream }: Called): readonly unknown[] =>
  world.told(stream).map(({ head }) => (head.t === 'server' ? head.seq : head.t));

test('an edge that comes back is sent what reached nobody, and what was said meanwhile', async () => {
  const called = await unfound();
  const { world, stream, child, id } = called;
  world.time.advance(GRACE - 20);
  progress(called, 3);
  comeBack(called, 1);
  child.say({ id, result: { resultType: 'complete' } });
  assert.deepEqual(said(called), [1, 2, 'ok', 2, 3, 4]);
  assert.ok(world.answer(stream));
  world.time.advance(GRACE);
  assert.ok(!cancelled(called));
});

test('the answer waits for it as well', async () => {
  const called = await unfound();
  const { world, stream, child, id } = called;
  child.say({ id, result: { resultType: 'complete' } });
  comeBack(called, 1);
  assert.deepEqual(said(called), [1, 2, 'ok', 2, 3]);
  assert.ok(world.answer(stream));
});

test('one that does not come back is gone, and its call is cancelled', async () => {
  const called = await unfound();
  called.world.time.advance(GRACE - 20);
  assert.ok(!cancelled(called));
  called.world.time.advance(40);
  assert.ok(cancelled(called));
});

test('a client that leaves meanwhile cancels, and so does an edge that waits for nothing', async () => {
  const left = await unfound();
  left.world.leave(left.stream);
  assert.ok(cancelled(left));
  const disowned = await unfound();
  disowned.world.door.lost(disowned.stream, 1, 1, true);
  assert.ok(cancelled(disowned));
});

/** A call that was answered, each frame sent before its edge was missed. */
async function answered(id = 1): Promise<Called> {
  const world = statelessWorld(server(), 'modern');
  const stream = world.ask(id, { meta: { progressToken: 'p' } });
  const child = await world.nursery.nth(1);
  await settle();
  const called = { world, stream, child, id: child.take().findLast(({ method }) => method === 'tools/call')!.id as number };
  progress(called, 1);
  child.say({ id: called.id, result: { resultType: 'complete' } });
  assert.deepEqual(said(called), [1, 2]);
  return called;
}

test('an answer that was sent just as its edge lost its way is there when that asks again, as often as it does', async () => {
  const called = await answered();
  called.world.door.lost(called.stream, 1, 2, false);
  called.world.time.advance(GRACE - 20);
  comeBack(called, 1);
  assert.deepEqual(said(called), [1, 2, 'ok', 2]);
  comeBack(called, 0);
  assert.deepEqual(said(called), [1, 2, 'ok', 2, 'ok', 1, 2]);
});

test('it is nobody else’s, and is not kept for long', async () => {
  const { world, stream } = await answered();
  const ask = (identity: Identity): unknown => {
    world.door.control(stream, { t: 'attach', identity, stream, after: 0 }, `cw.e.edge.g.${stream}`);
    return world.told(stream).at(-1)!.head;
  };
  assert.partialDeepStrictEqual(ask('somebody else' as Identity), { t: 'no', reason: 'request.event_id' });
  world.time.advance(2 * GRACE + 20);
  assert.partialDeepStrictEqual(ask(ANONYMOUS), { t: 'no', reason: 'request.event_id' });
  assert.equal(world.told(stream).length, 4);
});

test('only so many are kept, and the newest of them', async () => {
  const called = await answered();
  const { world, child } = called;
  const streams = [called.stream];
  for (let nth = 0; nth < MOST.answers; nth++) {
    const stream = world.ask(nth + 2);
    await settle();
    child.say({ id: child.take().findLast(({ method }) => method === 'tools/call')!.id as number, result: { resultType: 'complete' } });
    assert.ok(world.answer(stream));
    streams.push(stream);
  }
  for (const stream of streams) comeBack({ ...called, stream }, 0);
  const kept = streams.filter((stream) => world.told(stream).some(({ head }) => head.t === 'ok'));
  assert.deepEqual(kept, streams.slice(1));
});

test('a request that was lost on its way is not known here, and runs once when it is sent again, however often it comes', async () => {
  const called = await answered();
  const { world, child } = called;
  const [lost, next] = [world.ask(2, { lost: true }), world.ask(3)];
  const calls = (): readonly Message[] => child.take().filter(({ method }) => method === 'tools/call');
  await settle();
  assert.equal(calls().length, 1);
  comeBack({ ...called, stream: lost }, 0);
  const heard = (): readonly unknown[] => said({ ...called, stream: lost });
  assert.partialDeepStrictEqual(world.told(lost).at(-1)!.head, { t: 'no', reason: 'request.event_id' });
  world.come(lost, true);
  await settle();
  const [call, ...more] = calls();
  assert.deepEqual(more, []);
  world.come(lost);
  world.come(lost, true);
  child.say({ id: call!.id!, result: { resultType: 'complete' } });
  world.come(lost, true);
  world.come(lost);
  world.time.advance(2 * GRACE + 20);
  world.come(lost, true);
  world.come(next, true);
  await settle();
  assert.deepEqual(calls(), []);
  assert.partialDeepStrictEqual(world.told(lost).at(-1)!.head, { reason: 'cluster.owner_lost' });
  assert.deepEqual(heard(), ['no', 'ok', 'ok', 1, 'ok', 1, 'no']);
  assert.deepEqual(said({ ...called, stream: next }), ['ok'], 'it runs');
});
