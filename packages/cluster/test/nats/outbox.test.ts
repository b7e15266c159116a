/** What a real server does not do on command: refuse a bundle late, never answer, and take its time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Link } from '../../src/nats/link.ts';
import { Outbox } from '../../src/nats/outbox.ts';

function world() {
  const sent: { readonly subject: string; readonly reply: string }[] = [];
  const bounced: string[] = [];
  const asked: PromiseWithResolvers<void>[] = [];
  const link = {
    live: true,
    nc: {
      publish: (subject: string, _: Uint8Array, { reply = '' }) => void sent.push({ subject, reply }),
      flush() {
        asked.push(Promise.withResolvers<void>());
        return asked.at(-1)!.promise;
      },
    } as unknown as NatsConnection,
  };
  const outbox = new Outbox({
    link: link as Link,
    inbox: 'in.b',
    maxBytes: 1_000_000,
    bundle: (subject) => (/^(?:to|edge)\./.test(subject) ? subject.replace(/\..*/, '.bundle') : undefined),
    early: (subject) => subject.startsWith('edge.'),
    bounce: (reply, failure) => void bounced.push(`${failure} ${reply}`),
  });
  let count = 0;
  /** One bundle of two messages; its number. */
  const turn = (): number => {
    count += 1;
    outbox.post('to.x', Buffer.of(9), `reply.${count}`);
    outbox.post('to.y', Buffer.of(9), undefined);
    outbox.flush();
    return count;
  };
  return { outbox, link, sent, bounced, asked, turn };
}

describe('the outbox', () => {
  it('remembers a bundle until the server has answered for it', async () => {
    const { outbox, sent, bounced, asked, turn } = world();
    while (asked.length === 0) turn();
    const early = sent.length;
    for (let more = 0; more < early; more += 1) turn();
    assert.equal(asked.length, 1, 'one question at a time');
    assert.ok(outbox.settle(sent[0]!.reply));
    assert.deepEqual(bounced, ['no_responders reply.1']);
    asked[0]!.resolve();
    await Promise.resolve();
    await Promise.resolve();
    assert.ok(outbox.settle(sent[1]!.reply), 'a word about what has arrived means nothing');
    assert.ok(outbox.settle(sent[early]!.reply));
    assert.deepEqual(bounced, ['no_responders reply.1', `no_responders reply.${early + 1}`]);
    assert.equal(outbox.settle('in.q.1'), false);
  });

  it('says of a turn without a connection that none of it was sent, and knows nothing of what was sent before', () => {
    const { outbox, link, sent, bounced, turn } = world();
    turn();
    link.live = false;
    outbox.drop();
    turn();
    outbox.settle(sent[0]!.reply);
    assert.deepEqual(bounced, ['disconnected reply.2']);
    assert.equal(sent.length, 1);
  });

  /** Posts so many in each turn; in which turns something left, and how many messages in all there were by then. */
  const turns = async (posts: readonly number[], bytes = 1, to = 'to'): Promise<string[]> => {
    const { outbox, sent } = world();
    const left: string[] = [];
    let posted = 0;
    for (const [turn, count] of [...posts, ...Array.from({ length: 9 }, () => 0)].entries()) {
      for (let nth = 0; nth < count; nth += 1) outbox.post(`${to}.${(posted += 1)}`, Buffer.alloc(bytes), undefined);
      const before = sent.length;
      await new Promise((resolve) => setImmediate(resolve));
      if (sent.length > before) left.push(`${turn}: ${posted}`);
    }
    return left;
  };

  it('sends one alone at the end of its turn, and several when a turn has brought no more', async () => {
    assert.deepEqual(await turns([1]), ['0: 1']);
    assert.deepEqual(await turns([1, 1, 1]), ['0: 1', '1: 2', '2: 3']);
    assert.deepEqual(await turns([2]), ['1: 2']);
    assert.deepEqual(await turns([2, 3, 0, 2]), ['2: 5', '4: 7']);
  });

  it('lets several wait for no more than a few turns, and not where they are many or large', async () => {
    assert.deepEqual(await turns([2, 1, 1, 1, 1, 1, 1]), ['4: 6', '5: 7', '6: 8']);
    assert.deepEqual(await turns([16]), ['0: 16']);
    assert.deepEqual(await turns([8, 8, 8]), ['1: 16', '3: 24']);
    assert.deepEqual(await turns([2], 40_000), ['0: 2']);
  });

  it('sends to an edge in the middle of a turn what is enough, and the rest as if it had been all', async () => {
    const { outbox, sent } = world();
    const lengths: number[] = [];
    for (let nth = 1; nth <= 40; nth += 1) {
      outbox.post(`edge.${nth}`, Buffer.of(9), undefined);
      if (sent.length > lengths.length) lengths.push(nth);
    }
    assert.deepEqual(lengths, [16, 32]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sent.length, 2, 'eight wait for the next turn');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sent.length, 3);
    assert.deepEqual(await turns([16, 1], 1, 'edge'), ['1: 17']);
    assert.deepEqual(await turns([17, 1], 1, 'edge'), ['0: 17', '1: 18'], 'what is left is one alone');
    assert.deepEqual(await turns([1, 0, 1], 1, 'edge'), ['0: 1', '2: 2']);
  });

  it('sends what travels alone after what was published before it', () => {
    const { outbox, sent } = world();
    for (const subject of ['to.1', 'to.2', 'alone', 'to.3', 'to.4', 'to.5']) outbox.post(subject, Buffer.of(9), undefined);
    outbox.post('to.6', Buffer.alloc(70_000), undefined);
    outbox.flush();
    assert.deepEqual(
      sent.map(({ subject }) => subject),
      ['to.bundle', 'alone', 'to.bundle', 'to.6'],
    );
  });
});
