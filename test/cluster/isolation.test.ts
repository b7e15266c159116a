/**
 * Fifty sessions at once on three edges and two workers, with equal ids and tokens everywhere: no message
 * reaches another session, each call is seen by one child once, and every child ends with its session.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assertOwn, canary } from '../harness/canary.ts';
import { livingWith, openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile, MARK } from '../harness/processes.ts';
import { hello, openCall, openStream, post, textOf, toolCall, type Hello } from '../harness/speak.ts';

describe('isolation on a cluster', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let life: Lifeline;
  let cluster: BridgeCluster;

  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    cluster = stack.use(await openBridgeCluster({ servers: { hostile: hostile({ ...ledger.env, ...life.env }) } }));
  });
  after(() => stack.disposeAsync());
  const at = (edge: number) => cluster.url('hostile', edge);

  async function talk(open: Hello, nth: number): Promise<void> {
    const owner = `s${nth}`;
    const { headers } = open;
    await using standing = await openStream(at(nth), { headers });
    for (let round = 1; round <= 4; round++) {
      const mark = canary(owner);
      const nonce = `${owner}-${round}`;
      const echoed = await post(at(nth + round), toolCall(1, 'echo', { text: mark, nonce: `${nonce}-echo` }), headers);
      assert.equal(textOf(echoed.messages.at(-1)), mark);
      const stepped = await post(
        at(nth + round + 1),
        toolCall(1, 'progress', { n: 5, tag: mark, nonce: `${nonce}-progress` }, { progressToken: 1 }),
        headers,
      );
      assertOwn(owner, stepped.text);
      assert.equal(stepped.messages.filter(({ params }) => params?.['message'] === mark).length, 5);
      await using call = await openCall(
        at(nth + round + 2),
        toolCall(1, 'ask', { kind: 'elicitation', text: mark, nonce: `${nonce}-ask` }),
        headers,
      );
      const question = await call.message('the question', ({ method }) => method === 'elicitation/create');
      assert.equal(question.params?.['message'], mark);
      await post(at(nth), { jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { answer: mark } } }, headers);
      const result = await call.message('the result', ({ id, method }) => id === 1 && method === undefined);
      assert.ok(textOf(result)?.includes(mark));
      await post(
        at(nth + round),
        toolCall(1, 'notify', { method: 'notifications/message', params: { level: 'info', data: mark } }),
        headers,
      );
      await standing.message('the notification', ({ params }) => params?.['data'] === mark);
      const counted = await post(at(round), toolCall(1, 'count'), headers);
      assert.equal(textOf(counted.messages.at(-1)), String(round));
      assertOwn(owner, call.events.items);
    }
    assertOwn(owner, standing.events.items);
  }

  it('50 concurrent sessions hear only their own, on every edge; both workers serve; DELETE ends every child', async () => {
    const sessions = await Promise.all(Array.from({ length: 50 }, (_, nth) => hello(at(nth))));
    assert.equal(new Set(sessions.map(({ session }) => session)).size, 50);
    await life.holders(50);
    assert.equal(life.alive.size, 50);
    const living = await livingWith(MARK, cluster.mark);
    for (const { pid } of cluster.workers)
      assert.ok(
        living.some(({ ppid }) => ppid === pid),
        `worker ${pid} has children`,
      );
    await Promise.all(sessions.map(talk));
    const deleted = await Promise.all(sessions.map(({ headers }, nth) => fetch(at(nth + 1), { method: 'DELETE', headers })));
    assert.ok(deleted.every(({ status }) => status === 200));
    await life.none(2_000);
    for (const [nth, { headers }] of sessions.entries()) {
      if (nth % 10 === 0) for (const edge of [0, 1, 2]) assert.equal((await post(at(edge), toolCall(1, 'echo'), headers)).status, 404);
    }
  });

  it('every call of theirs was seen by one child, once', async () => {
    const nonces = (await ledger.entries()).flatMap(({ nonce }) => nonce ?? []);
    assert.equal(nonces.length, 50 * 4 * 3);
    assert.equal(new Set(nonces).size, nonces.length);
  });

  it('1,000 pairs of equal ids in flight at different edges each get their own answer', async () => {
    const { headers } = await hello(at(0));
    const ids = [0, 1, '', '1'];
    let next = 0;
    const pairs = async () => {
      for (let pair = next++; pair < 1_000; pair = next++) {
        const id = ids[pair % ids.length];
        const marks = [canary('first'), canary('second')];
        const answers = await Promise.all(
          marks.map((text, nth) => post(at(pair + nth), toolCall(id, 'sleep', { ms: nth === 0 ? 2 : 0, text }), headers)),
        );
        for (const [nth, answer] of answers.entries()) {
          assert.deepEqual(
            answer.messages.map((message) => [message.id, textOf(message)]),
            [[id, marks[nth]]],
          );
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, pairs));
  });

  it('equal ids of different types in flight at once do not meet', async () => {
    const { headers } = await hello(at(0));
    const ids = [0, '', '1', 1, '0', -1, 'one', '\u0000', '9007199254740993'];
    const answers = await Promise.all(
      ids.map((id, nth) => post(at(nth), toolCall(id, 'sleep', { ms: 50 - nth * 5, text: JSON.stringify(id) }), headers)),
    );
    for (const [nth, answer] of answers.entries()) {
      assert.strictEqual(answer.messages.at(-1)?.id, ids[nth]);
      assert.equal(textOf(answer.messages.at(-1)), JSON.stringify(ids[nth]));
    }
  });
});
