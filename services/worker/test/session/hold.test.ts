import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeTime } from '@causeway/runtime';
import { Hold } from '../../src/session/hold.ts';

test('a message that has waited as long as its sender would is refused, once, and is not let through later', () => {
  const time = fakeTime();
  const told: string[] = [];
  const hold = new Hold({
    ...{ wheel: time.wheel, patience: 1_000, stops: () => 0 },
    refuse: (reply, late) => told.push(`${reply} ${late?.reason ?? 'ended'}`),
  });
  hold.begin('taking_over');
  hold.keep({ bytes: 1, reply: 'there', pass: () => told.push('passed') });
  time.advance(999);
  assert.deepEqual(told, []);
  time.advance(1);
  hold.end('taking_over');
  hold.refuse();
  assert.deepEqual(told, ['there cluster.owner_silent']);
  assert.equal(time.wheel.size, 0);
});

test('one for which there is no room beside others is told so: it is not that a server does not read', () => {
  const told: string[] = [];
  const hold = new Hold({
    ...{ wheel: fakeTime().wheel, patience: 1_000, stops: () => 0 },
    refuse: (reply, late) => told.push(`${reply}: ${late?.reason} ${late?.message}`),
  });
  hold.begin('doubt');
  for (let nth = 0; nth <= 256; nth++) hold.keep({ bytes: 1, reply: `${nth}`, pass: () => undefined });
  assert.deepEqual(told, ['256: server.busy Too many messages wait until this session may be touched again.']);
});

test('messages are let through in their order, and leave no timer', () => {
  const time = fakeTime();
  const hold = new Hold({ wheel: time.wheel, patience: 1_000, stops: () => 0, refuse: () => assert.fail('refused') });
  const told: number[] = [];
  hold.begin('lease');
  for (const one of [1, 2, 3]) hold.keep({ bytes: 1, reply: undefined, pass: () => told.push(one) });
  hold.end('lease');
  assert.deepEqual(told, [1, 2, 3]);
  assert.equal(time.wheel.size, 0);
});

test('what came before a long stop is refused when it could be let through, and what came after it passes', () => {
  const time = fakeTime();
  let stops = 0;
  const told: string[] = [];
  const hold = new Hold({
    ...{ wheel: time.wheel, patience: 1_000, stops: () => stops },
    refuse: (reply, late) => told.push(`${reply} ${late?.reason ?? 'ended'}`),
  });
  hold.begin('doubt');
  hold.keep({ bytes: 1, reply: 'before', pass: () => told.push('passed before') });
  stops = 1;
  hold.keep({ bytes: 1, reply: 'after', pass: () => told.push('passed after') });
  hold.end('doubt');
  assert.deepEqual(told, ['before cluster.owner_silent', 'passed after']);
});

test('of a message that came twice nothing is let through once its sender was refused', () => {
  const told: string[] = [];
  const refuse = (reply: string | undefined): void => void told.push(`refused ${reply}`);
  const pass = (): void => void told.push('passed');
  const time = fakeTime();
  let stops = 0;
  const hold = new Hold({ wheel: time.wheel, patience: 1_000, stops: () => stops, refuse });
  hold.begin('doubt');
  for (const reply of ['twice', undefined]) hold.keep({ bytes: 1, reply, pass });
  time.advance(500);
  for (const reply of ['twice', undefined]) hold.keep({ bytes: 1, reply, pass });
  time.advance(500);
  hold.end('doubt');
  assert.deepEqual(told, ['refused twice', 'refused twice', 'refused undefined', 'passed']);
  assert.equal(time.wheel.size, 0);
  told.length = 0;
  hold.begin('doubt');
  hold.keep({ bytes: 1, reply: 'twice', pass });
  stops += 1;
  hold.keep({ bytes: 1, reply: 'twice', pass });
  hold.end('doubt');
  assert.deepEqual(told, ['refused twice', 'refused twice']);
});
