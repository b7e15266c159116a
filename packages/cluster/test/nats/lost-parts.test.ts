/** A large message of which parts were lost with the connection of its receiver is known to be lost as soon as that is back. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startNats, type Nats } from '@causeway/cluster';
import { MARK, writePart } from '../../src/chunks.ts';
import { hear, soon } from '../../src/contract/world.ts';
import { natsBusWorld } from '../support/nats-world.ts';

describe('parts that were lost', () => {
  let nats: Nats;
  let wire: NatsConnection;
  before(async () => {
    nats = await startNats({ nodes: 1 });
    wire = await connect({ servers: [...nats.urls] });
  });
  after(async () => {
    await wire.close();
    await nats[Symbol.asyncDispose]();
  });

  it('a receiver that was cut off and is back refuses what is incomplete, and takes it when it comes again', async () => {
    await using world = await natsBusWorld(nats, {});
    const member = await world.join();
    const heard = await hear(member.part, `${world.prefix}.x`);
    const message = { pieces: [Buffer.alloc(250, 7)], length: 250, reply: undefined };
    const words: number[] = [];
    const send = (transfer: string, index: number): void =>
      wire.publish(`${world.prefix}.x`, writePart(message, index, 100), { reply: `${world.prefix}.sender.${transfer}` });
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    const { promise: refused, resolve: refuse } = Promise.withResolvers<void>();
    wire.subscribe(`${world.prefix}.sender.1`, {
      callback: (_, { data }) => {
        words.push(data[0]!);
        if (data[0] === MARK.taken) take();
        if (data[0] === MARK.refused) refuse();
      },
    });
    send('1', 0);
    await soon('the first part is taken', taken, 5_000);
    await member.cut();
    await member.heal();
    await soon('what is incomplete is refused', refused, 5_000);
    assert.deepEqual(words, [MARK.taken, MARK.refused]);
    for (const index of [0, 1, 2]) send('2', index);
    await heard.count(1);
    assert.ok(heard.messages[0]!.data.equals(message.pieces[0]!));
  });
});
