import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeTime } from '@causeway/runtime';
import { Waiting } from '../../src/pool/waiting.ts';

test('what has become free is offered until nothing is left, not to everybody who waits', async () => {
  const waiting = new Waiting<number, string>(fakeTime().wheel);
  const given = Array.from({ length: 1_000 }, (_, wish) => waiting.add(wish));
  const offered: number[] = [];
  let free = 2;
  const offer = (wish: number): string | undefined => {
    offered.push(wish);
    return free-- > 0 ? `for ${wish}` : undefined;
  };
  waiting.serve(offer, () => false);
  assert.deepEqual(await Promise.all(given.slice(0, 2)), ['for 0', 'for 1']);
  assert.deepEqual(offered, [0, 1, 2]);
  assert.equal(waiting.size, 998);
  offered.length = 0;
  waiting.serve(offer, () => offered.length < 5);
  assert.deepEqual(offered, [2, 3, 4, 5, 6], 'while there may be something for those behind, they are asked');
});

test('who waits in vain is told what for: it is not that a server does not read', async () => {
  const time = fakeTime();
  const waiting = new Waiting<number, string>(time.wheel);
  const late = Array.from({ length: 1_024 }, (_, wish) =>
    assert.rejects(waiting.add(wish), { reason: 'server.busy', message: 'No process of this MCP server became free in time.' }),
  );
  const message = 'Too many requests wait for a process of this MCP server.';
  await assert.rejects(waiting.add(1_024), { reason: 'server.busy', message });
  time.advance(30_000);
  await Promise.all(late);
});
