/**
 * Sessions that do everything at once, at random, at random edges: calls with progress that are dropped and
 * resumed, cancelled, asked about, several in flight. Whatever happens, each call has its whole progress in
 * order and one answer, or, cancelled, none. `SEED=n` repeats a walk.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assertOwn, canary } from '../harness/canary.ts';
import type { SseEvent } from '../harness/event-stream.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { hostile } from '../harness/processes.ts';
import { randomFrom, seedFrom } from '../harness/random.ts';
import { hello, openCall, openStream, post, textOf, toolCall, type Headers, type Message, type OpenStream } from '../harness/speak.ts';

describe('random walks', () => {
  const stack = new AsyncDisposableStack();
  let cluster: BridgeCluster;
  before(async () => {
    cluster = stack.use(await openBridgeCluster({ servers: { hostile: hostile() } }));
  });
  after(() => stack.disposeAsync());

  interface Walker {
    readonly name: string;
    readonly headers: Headers;
    readonly random: (below: number) => number;
    /** Asks, or cancels: a question rides the newest call's stream, and a cancellation may take it along. */
    readonly asks: boolean;
  }
  const somewhere = ({ random }: Walker) => cluster.url('hostile', random(3));

  /** Answers a question, at a random edge; any other event needs nothing. */
  async function heed(walker: Walker, { data }: SseEvent): Promise<void> {
    if (!data.includes('"elicitation/create"')) return;
    const { id, params } = JSON.parse(data) as Message;
    assertOwn(walker.name, params);
    const answer = { jsonrpc: '2.0', id, result: { action: 'accept', content: { answer: params?.['message'] } } };
    assert.equal((await post(somewhere(walker), answer, walker.headers)).status, 202);
  }

  /** Reads `enough` events, or all until the end. Whether the stream still stands. */
  async function read(walker: Walker, stream: OpenStream, enough: number): Promise<boolean> {
    let going = true;
    let seen = 0;
    for (; going && seen < enough; seen++) {
      going = await stream.events
        .next('an event', () => stream.events.items.length > seen, 30_000)
        .then(
          () => true,
          (error: Error) => {
            if (!error.message.includes('the stream ended')) throw error;
            return false;
          },
        );
      if (going) await heed(walker, stream.events.items[seen]!);
    }
    return going;
  }

  /** Drops the stream and heeds what had arrived unread: the resumed stream will not bring it again. */
  async function leave(walker: Walker, stream: OpenStream, read: number): Promise<void> {
    await stream.drop();
    for (const event of stream.events.items.slice(read)) await heed(walker, event);
  }

  /** One call, read in pieces at random edges; all messages of its stream, and whether it was cancelled. */
  async function play(
    walker: Walker,
    message: Message,
    cancellable: boolean,
  ): Promise<{ readonly heard: readonly Message[]; readonly cancelled: boolean }> {
    const heard: Message[] = [];
    let stream = await openCall(somewhere(walker), message, walker.headers);
    for (;;) {
      const enough = 1 + walker.random(10);
      const going = await read(walker, stream, enough);
      if (going && cancellable && walker.random(3) === 0) {
        await post(
          somewhere(walker),
          { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: message.id } },
          walker.headers,
        );
        await stream.ended;
        return { heard: [...heard, ...stream.messages()], cancelled: true };
      }
      const last = stream.events.items.findLast(({ id }) => id !== undefined)?.id;
      await leave(walker, stream, enough);
      heard.push(...stream.messages());
      if (!going || heard.some(({ id, method }) => id === message.id && method === undefined)) return { heard, cancelled: false };
      stream = await openStream(somewhere(walker), { headers: { ...walker.headers, 'last-event-id': last! } });
    }
  }

  async function step(walker: Walker, nth: number): Promise<void> {
    const { random, name, asks } = walker;
    const mark = canary(name);
    const id = [nth, `${nth}`, `id-${nth}`][random(3)];
    if (asks && random(3) === 0) {
      const message = toolCall(id, 'ask', { kind: 'elicitation', text: mark, times: 1 + random(4) });
      const { heard } = await play(walker, message, false);
      const answers = heard.filter((one) => one.id === id && one.method === undefined);
      assert.equal(answers.length, 1, `${JSON.stringify(id)}: ${JSON.stringify(heard).slice(0, 500)}`);
      assert.ok(textOf(answers[0])?.includes(mark));
      return;
    }
    // Streams that end while their client is away are kept up to 256 frames together.
    const n = 1 + random(25);
    const { heard, cancelled } = await play(
      walker,
      toolCall(id, 'progress', { n, ms: random(3), tag: mark }, { progressToken: id }),
      !asks && random(4) === 0,
    );
    const own = heard.filter(({ params }) => params?.['progressToken'] === id);
    assertOwn(name, heard);
    const steps = own.map(({ params }) => params!['progress']);
    const answers = heard.filter((one) => one.id === id && one.method === undefined);
    assert.ok(answers.length === 1 || (cancelled && answers.length === 0), `${answers.length} answers`);
    const whole = Array.from({ length: answers.length === 1 ? n : steps.length }, (_, at) => at + 1);
    assert.deepEqual(steps, whole);
  }

  it('12 sessions, 20 steps each, up to three calls in flight', async (t) => {
    const seed = seedFrom('SEED');
    t.diagnostic(`SEED=${seed}`);
    await Promise.all(
      Array.from({ length: 12 }, async (_, nth) => {
        const { headers } = await hello(cluster.url('hostile', nth));
        const walker: Walker = { name: `w${nth}`, headers, random: randomFrom(seed * 31 + nth), asks: nth % 2 === 0 };
        let next = 0;
        const standing = await openStream(cluster.url('hostile', nth + 1), { headers });
        const questions = read(walker, standing, Infinity);
        const lane = async () => {
          for (let at = next++; at < 20; at = next++) await step(walker, at);
        };
        await Promise.all([lane(), lane(), lane()]);
        await standing.drop();
        await questions;
      }),
    );
  });
});
