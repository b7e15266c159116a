import assert from 'node:assert/strict';
import { test } from 'node:test';
import { server, settle } from '../pool/pool-world.ts';
import { elicit, parked, reply, required } from './asked.ts';
import { statelessWorld } from './stateless-world.ts';

const ACCEPT = { action: 'accept', content: { name: 'Ada' } };

test('a worker that drains waits for clients that it has asked, lets their calls go on and ask again, and begins nothing', async () => {
  const world = statelessWorld(server());
  const { child, call, state, key } = await parked(world);
  let drained = false;
  const drain = world.drain(false).then(() => (drained = true));
  assert.equal(world.told(world.ask('new')).map(({ head }) => head.t === 'no' && head.reason)[0], 'cluster.draining');
  const second = world.ask(2, reply(state, { [key]: ACCEPT }));
  await settle();
  elicit(child, '');
  world.time.advance(20);
  const { requestState, inputRequests } = required(world, second);
  await settle();
  const third = world.ask(3, reply(requestState, { [Object.keys(inputRequests)[0]!]: ACCEPT }));
  await settle();
  assert.equal(drained, false);
  child.say({ id: call.id!, result: { content: [] } });
  assert.equal(world.answer(third).id, 3);
  await drain;
});

test('one whose edges go as well waits for nobody: neither for who was asked, nor for who is asked now', async () => {
  const world = statelessWorld(server({ max: 2 }));
  const asked = await parked(world);
  await world.drain(true);
  const late = world.ask(2, reply(asked.state, { [asked.key]: { action: 'decline' } }));
  await settle();
  assert.equal(world.answer(late).error?.code, -32602);

  const other = statelessWorld(server());
  const stream = other.ask(1, { capabilities: { elicitation: {} } });
  const child = await other.nursery.nth(1);
  await settle();
  const drain = other.drain(true);
  elicit(child, 0);
  other.time.advance(20);
  assert.equal(required(other, stream).requestState.length > 0, true);
  await drain;
});
