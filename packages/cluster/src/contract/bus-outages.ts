/** The contract of `Bus`, continued: disconnection, and the end of a bus or of a member. */
import assert from 'node:assert/strict';
import { BusError } from '../bus.ts';
import { failure, pattern, type Register } from './bus-parts.ts';
import { hear, routed, soon, until } from './world.ts';

export function outages(pair: Register): void {
  pair('3: while disconnected nothing can be sent, and nothing of it arrives later', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.x`);
    await routed(world, a.part, b.part);
    const seen: string[] = [];
    a.part.onStatus((status) => seen.push(status));
    assert.equal(a.part.status, 'connected');
    await a.cut();
    assert.equal(a.part.status, 'disconnected');
    assert.throws(() => a.part.publish(`${p}.x`, Buffer.from('{"n":1}')), failure('disconnected'));
    assert.throws(() => a.part.publish(`${p}.x`, pattern(500_000)), failure('disconnected'));
    await assert.rejects(a.part.request(`${p}.x`, Buffer.from('{"n":2}'), { deadline: 5_000 }), failure('disconnected'));
    await a.heal();
    assert.equal(a.part.status, 'connected');
    assert.deepEqual(seen, ['disconnected', 'connected']);
    a.part.publish(`${p}.x`, Buffer.from('{"n":3}'));
    await heard.count(1);
    assert.deepEqual(
      heard.messages.map((message) => String(message.data)),
      ['{"n":3}'],
    );
  });

  pair('subscriptions outlast a disconnection', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.x`);
    await b.cut();
    await assert.rejects(a.part.request(`${p}.x`, Buffer.from('{}'), { deadline: 500 }), BusError);
    await b.heal();
    await routed(world, a.part, b.part);
    a.part.publish(`${p}.x`, Buffer.from('{"n":1}'));
    await heard.count(1);
    assert.equal(String(heard.messages.at(-1)!.data), '{"n":1}');
  });
}

export function ends(pair: Register): void {
  pair('a closed bus refuses at once, ends what waits, and may be closed again', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.silent`);
    await routed(world, a.part, b.part);
    const asked = assert.rejects(a.part.request(`${p}.silent`, Buffer.from('{}'), { deadline: 10_000 }), failure('aborted'));
    await heard.count(1);
    a.part.publish(`${p}.silent`, Buffer.from('{"last":true}'));
    await a.part[Symbol.asyncDispose]();
    await asked;
    await heard.count(2);
    assert.equal(a.part.status, 'closed');
    assert.throws(() => a.part.publish(`${p}.x`, Buffer.from('{}')), failure('aborted'));
    await assert.rejects(a.part.request(`${p}.x`, Buffer.from('{}'), { deadline: 1_000 }), failure('aborted'));
    await assert.rejects(
      a.part.subscribe(`${p}.x`, () => undefined),
      failure('aborted'),
    );
    await a.part[Symbol.asyncDispose]();
  });

  pair('what was published before a bus is closed leaves, large messages too; it can be waited for', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.last.>`);
    await routed(world, a.part, b.part);
    for (let nth = 0; nth < 4; nth += 1) a.part.publish(`${p}.last.${nth}`, pattern(1_500_000, nth));
    await a.part.flushed();
    assert.equal(heard.messages.length, 4);
    for (let nth = 4; nth < 8; nth += 1) a.part.publish(`${p}.last.${nth}`, pattern(1_500_000, nth));
    a.part.publish(`${p}.last.7`, Buffer.from('{"last":true}'));
    await a.part[Symbol.asyncDispose]();
    await heard.count(9);
    await a.part.flushed();
  });

  pair('a member that vanished is nobody', async ({ world, a, b, p }) => {
    await b.part.subscribe(`${p}.x.>`, ({ reply }) => b.part.publish(reply!, Buffer.from('{}')));
    await routed(world, a.part, b.part);
    await b.vanish();
    const gone = (): Promise<boolean> =>
      a.part.request(`${p}.x.y`, Buffer.from('{}'), { deadline: 1_000 }).then(
        () => false,
        (error: unknown) => error instanceof BusError && error.failure === 'no_responders',
      );
    const asking = (async () => {
      while (!(await gone()));
    })();
    await soon('no_responders', asking, 5_000);
    await until(
      'still connected',
      (listener) => a.part.onStatus(listener),
      () => a.part.status === 'connected',
    );
  });
}
