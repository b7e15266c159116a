import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeTime } from '@causeway/runtime';
import { Idle } from '../../src/session/idle.ts';

test('a session is idle after the limit without anything happening', () => {
  const time = fakeTime();
  let expired = 0;
  const idle = new Idle(time.clock, time.wheel, { idle: 1000, left: 1e9 }, () => (expired += 1));
  time.advance(900);
  idle.touch();
  time.advance(900);
  assert.equal(expired, 0);
  time.advance(200);
  assert.equal(expired, 1);
});

test('what is open holds it, and idleness counts from the end of the last of them', () => {
  const time = fakeTime();
  let expired = 0;
  const idle = new Idle(time.clock, time.wheel, { idle: 1000, left: 1e9 }, () => (expired += 1));
  const [call, stream] = [{}, {}];
  idle.hold(call);
  idle.hold(stream);
  time.advance(5000);
  idle.release(call);
  idle.release(call);
  time.advance(5000);
  idle.release(stream);
  time.advance(999);
  assert.equal(expired, 0);
  time.advance(1001);
  assert.equal(expired, 1);
});

test('a stopped one never expires', () => {
  const time = fakeTime();
  const idle = new Idle(time.clock, time.wheel, { idle: 10, left: 20 }, () => assert.fail());
  idle.stop();
  time.advance(1000);
});

test('how long it has been idle: nothing while something holds it', () => {
  const time = fakeTime();
  const idle = new Idle(time.clock, time.wheel, { idle: 1000, left: 1e9 }, () => undefined);
  const call = {};
  time.advance(300);
  assert.equal(idle.ms, 300);
  idle.hold(call);
  assert.equal(idle.ms, 0);
  idle.release(call);
  time.advance(200);
  assert.equal(idle.ms, 200);
});

test('at its age it ends, used or not', () => {
  const time = fakeTime();
  const ends: string[] = [];
  const idle = new Idle(time.clock, time.wheel, { idle: 1000, left: 5000 }, (why) => ends.push(why));
  idle.hold({});
  time.advance(4_900);
  assert.deepEqual(ends, []);
  time.advance(200);
  assert.deepEqual(ends, ['age']);
  idle.stop();
});
