/**
 * The contract of `Bus` as tests: every implementation passes all of it. Numbers in names are those of the
 * guarantees in `bus.ts`.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ANONYMOUS } from '@causeway/protocol';
import type { Bus, BusLimits } from '../bus.ts';
import { decode, Envelope, envelopeOf } from '../envelope.ts';
import type { ClientHead } from '../heads.ts';
import { ends, outages } from './bus-outages.ts';
import { failure, pattern, type Pair, type Register } from './bus-parts.ts';
import { hear, routed, type World } from './world.ts';

/** Small enough to be quick, large enough for several windows. */
export const CONTRACT_LIMITS: BusLimits = { maxMessageBytes: 4 * 1024 * 1024, partBytes: 64 * 1024, partWindow: 4 };

type MakeBusWorld = (limits: BusLimits) => Promise<World<Bus>>;

/** Registers the suite. `make` gives a world whose buses have the limits given. */
export function busContract(make: MakeBusWorld): void {
  const pair = (name: string, test: (pair: Pair) => Promise<void>): void =>
    void it(name, async () => {
      await using world = await make(CONTRACT_LIMITS);
      const [a, b] = await Promise.all([world.join(), world.join()]);
      await test({ world, a, b, p: world.prefix });
    });
  void describe('bus', () => {
    void describe('delivery', () => delivery(pair));
    void describe('what reaches nobody', () => losses(pair));
    void describe('sizes', () => sizes(pair));
    void describe('many at once', () => crowds(pair));
    void describe('requests', () => requests(pair));
    void describe('disconnection', () => outages(pair));
    void describe('end', () => ends(pair));
  });
}

function delivery(pair: Register): void {
  pair('1: messages of one sender on one subject arrive in order, large ones included', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.order`);
    await routed(world, a.part, b.part);
    const lengths = Array.from({ length: 60 }, (_, index) => (index % 7 === 3 ? 300_000 : index % 11 === 5 ? 65_537 : 20 + index));
    lengths.forEach((size, index) => a.part.publish(`${p}.order`, pattern(size, index)));
    await heard.count(lengths.length);
    heard.messages.forEach((message, index) => assert.ok(message.data.equals(pattern(lengths[index]!, index)), `message ${index}`));
  });

  pair('2: a message is delivered once, to each subscription that matches, with its reply address', async ({ world, a, b, p }) => {
    const heard = await Promise.all([`${p}.x.one`, `${p}.x.*`, `${p}.>`, `${p}.*.one`].map((subject) => hear(b.part, subject)));
    const others = await Promise.all(
      [`${p}.x`, `${p}.x.one.>`, `${p}.*`, `${p}.y.>`, `${p}.x.two`].map((subject) => hear(b.part, subject)),
    );
    const end = await hear(b.part, `${p}.x.one.end`);
    await routed(world, a.part, b.part);
    const before = heard[2]!.messages.length;
    a.part.publish(`${p}.x.one`, Buffer.from('{}'), `${p}.answers`);
    a.part.publish(`${p}.x.one.end`, Buffer.from('{}'));
    await end.count(1);
    assert.deepEqual(
      [heard[0], heard[1], heard[3]].map((one) => one!.messages.length),
      [1, 1, 1],
    );
    assert.deepEqual(
      heard[2]!.messages.slice(before).map((message) => message.subject),
      [`${p}.x.one`, `${p}.x.one.end`],
    );
    assert.equal(heard[0]!.messages[0]!.reply, `${p}.answers`);
    assert.equal(heard[0]!.messages[0]!.kind, 'data');
    assert.deepEqual(
      others.map((one) => one.messages.length),
      [0, 1, 0, 0, 0],
    );
  });
}

function losses(pair: Register): void {
  pair('3: what reaches nobody is said at its reply address within a second', async ({ a, p }) => {
    const lost = await hear(a.part, `${p}.mine.>`);
    a.part.publish(`${p}.nobody`, Buffer.from('{}'), `${p}.mine.small`);
    a.part.publish(`${p}.nobody.2`, pattern(1_000_000), `${p}.mine.large`);
    a.part.publish(`${p}.nobody`, Buffer.from('{}'));
    await lost.count(2, 1_000);
    assert.deepEqual(
      lost.messages.map((message) => [message.kind, message.data.length]),
      [
        ['undelivered', 0],
        ['undelivered', 0],
      ],
    );
    assert.deepEqual(lost.messages.map((message) => message.subject).toSorted(), [`${p}.mine.large`, `${p}.mine.small`]);
  });

  pair('3: a subscription that ended counts as nobody, and takes nothing more', async ({ world, a, b, p }) => {
    const lost = await hear(a.part, `${p}.mine`);
    const heard = await hear(b.part, `${p}.x`, () => heard.stop());
    await routed(world, a.part, b.part);
    a.part.publish(`${p}.x`, Buffer.from('{"n":1}'));
    a.part.publish(`${p}.x`, Buffer.from('{"n":2}'));
    await heard.count(1);
    await routed(world, a.part, b.part);
    a.part.publish(`${p}.x`, Buffer.from('{"n":3}'), `${p}.mine`);
    await lost.count(1, 1_000);
    assert.equal(heard.messages.length, 1);
    heard.stop();
  });

  pair('delivery never happens within publish', async ({ a, p }) => {
    const heard = await hear(a.part, `${p}.self`);
    a.part.publish(`${p}.self`, Buffer.from('{}'));
    assert.equal(heard.messages.length, 0);
    await heard.count(1);
  });
}

function sizes(pair: Register): void {
  const { partBytes, maxMessageBytes } = CONTRACT_LIMITS;
  pair('4: every size up to the largest is delivered whole, whatever its bytes', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.size`);
    await routed(world, a.part, b.part);
    const lengths = [0, 1, 2, partBytes - 1, partBytes, partBytes + 1, 2 * partBytes, 1024 * 1024, maxMessageBytes - 1, maxMessageBytes];
    const messages = [...lengths.map((size) => pattern(size)), ...[0, 1, 2, 3, 4, 0x7b].map((byte) => Buffer.of(byte, 9, 9))];
    for (const message of messages) a.part.publish(`${p}.size`, message, `${p}.answers.${message.length}`);
    await heard.count(messages.length);
    messages.forEach((message, index) => {
      assert.ok(heard.messages[index]!.data.equals(message), `message ${index} of ${message.length} bytes`);
      assert.equal(heard.messages[index]!.reply, `${p}.answers.${message.length}`);
    });
  });

  pair('an envelope arrives as one, alone and as bytes, small and large', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.letter`);
    await routed(world, a.part, b.part);
    const head: ClientHead = { t: 'client', identity: ANONYMOUS, frame: { kind: 'request', method: 'é', id: { start: 0, end: 1 } } };
    const bodies = [undefined, Buffer.from('{"id":1}'), pattern(2 * partBytes)];
    for (const body of bodies) a.part.publish(`${p}.letter`, new Envelope(head, body));
    await heard.count(bodies.length);
    bodies.forEach((body = Buffer.alloc(0), index) => {
      const message = heard.messages[index]!;
      for (const envelope of [envelopeOf(message), decode(message.data)]) {
        assert.deepEqual(envelope?.head, head);
        assert.ok(envelope?.body.equals(body));
      }
    });
  });

  pair('4: above the largest size the sender is told, and nothing is sent', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.size`);
    await routed(world, a.part, b.part);
    const tooLarge = Buffer.alloc(maxMessageBytes + 1);
    assert.throws(() => a.part.publish(`${p}.size`, tooLarge, `${p}.mine`), failure('too_large'));
    await assert.rejects(a.part.request(`${p}.size`, tooLarge, { deadline: 1_000 }), failure('too_large'));
    a.part.publish(`${p}.size`, Buffer.from('{}'));
    await heard.count(1);
    assert.deepEqual(
      heard.messages.map((message) => message.data.length),
      [2],
    );
  });

  pair('4: large messages both ways at once, on several subjects, all arrive', async ({ world, a, b, p }) => {
    const atA = await hear(a.part, `${p}.a.>`);
    const atB = await hear(b.part, `${p}.b.>`);
    await routed(world, a.part, b.part);
    await routed(world, b.part, a.part);
    for (let index = 0; index < 6; index += 1) {
      a.part.publish(`${p}.b.${index % 3}`, pattern(1_000_000 + index, index));
      b.part.publish(`${p}.a.${index % 3}`, pattern(700_000 + index, index));
    }
    await Promise.all([atA.count(6), atB.count(6)]);
    for (const { subject, data } of atB.messages) assert.ok(data.equals(pattern(data.length, data.length - 1_000_000)), subject);
    for (const { subject, data } of atA.messages) assert.ok(data.equals(pattern(data.length, data.length - 700_000)), subject);
  });
}

function crowds(pair: Register): void {
  pair('1, 4: many large messages to one process all arrive, and what follows each on its subject', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.w.one.>`);
    await routed(world, a.part, b.part);
    for (let index = 0; index < 40; index += 1) {
      a.part.publish(`${p}.w.one.s.${index}.1.in`, pattern(400_000 + index, index));
      a.part.publish(`${p}.w.one.s.${index}.1.in`, pattern(index, index));
    }
    await heard.count(80);
    for (let index = 0; index < 40; index += 1) {
      const arrived = heard.messages.filter(({ subject }) => subject === `${p}.w.one.s.${index}.1.in`).map(({ data }) => data);
      assert.deepEqual(
        arrived.map(({ length }) => length),
        [400_000 + index, index],
      );
      assert.ok(arrived.every((data) => data.equals(pattern(data.length, index))));
    }
  });
}

function requests(pair: Register): void {
  pair('5: a request ends in the answer to it and no other, small or large, many at once', async ({ world, a, b, p }) => {
    await b.part.subscribe(`${p}.echo`, ({ data, reply }) => b.part.publish(reply!, data));
    await routed(world, a.part, b.part);
    const asked = Array.from({ length: 300 }, (_, index) => pattern(index % 50 === 0 ? 200_000 : 10 + index, index));
    const answers = await Promise.all(asked.map((data) => a.part.request(`${p}.echo`, data, { deadline: 10_000 })));
    answers.forEach((answer, index) => assert.ok(answer.data.equals(asked[index]!), `answer ${index}`));
  });

  pair('3, 5: a request that reaches nobody fails within a second', async ({ a, p }) => {
    for (const size of [2, 1_000_000]) {
      const started = performance.now();
      await assert.rejects(a.part.request(`${p}.nobody`, pattern(size), { deadline: 20_000 }), failure('no_responders'));
      assert.ok(performance.now() - started < 1_000);
    }
  });

  pair('5: an answer that does not come is a timeout at the deadline; one that comes later is dropped', async ({ world, a, b, p }) => {
    const replies: string[] = [];
    await b.part.subscribe(`${p}.silent`, ({ reply }) => void replies.push(reply!));
    await routed(world, a.part, b.part);
    const started = performance.now();
    await assert.rejects(a.part.request(`${p}.silent`, Buffer.from('{}'), { deadline: 300 }), failure('timeout'));
    const took = performance.now() - started;
    assert.ok(took >= 299 && took < 1_300, `${took} ms`);
    b.part.publish(replies[0]!, Buffer.from('{}'));
    await routed(world, b.part, a.part);
  });

  pair('5: a signal ends a request, before and while it waits', async ({ world, a, b, p }) => {
    const heard = await hear(b.part, `${p}.silent`);
    await routed(world, a.part, b.part);
    const ask = (signal: AbortSignal): Promise<unknown> => a.part.request(`${p}.silent`, Buffer.from('{}'), { deadline: 10_000, signal });
    await assert.rejects(ask(AbortSignal.abort()), failure('aborted'));
    const stop = new AbortController();
    const asked = ask(stop.signal);
    await heard.count(1);
    stop.abort();
    await assert.rejects(asked, failure('aborted'));
    assert.equal(heard.messages.length, 1);
  });
}
