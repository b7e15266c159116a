/**
 * Questions of a server to its client, on three edges: the question rides the stream of the call that caused
 * it, or the standalone stream; the answer arrives at another edge than the question left from.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile } from '../harness/processes.ts';
import { hello, openCall, openStream, post, textOf, toolCall } from '../harness/speak.ts';

const ANSWERS = {
  sampling: { model: 'm', role: 'assistant', content: { type: 'text', text: 'sampled \u2028 é' } },
  elicitation: { action: 'accept', content: { answer: 'yes' } },
  roots: { roots: [{ uri: 'file:///srv', name: 'srv' }] },
  ping: {},
};
const METHODS = { sampling: 'sampling/createMessage', elicitation: 'elicitation/create', roots: 'roots/list', ping: 'ping' } as const;
const KINDS = Object.keys(ANSWERS) as (keyof typeof ANSWERS)[];

describe('questions answered at another edge', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let cluster: BridgeCluster;

  before(async () => {
    cluster = stack.use(await openBridgeCluster({ servers: { hostile: hostile(ledger.env) } }));
  });
  after(() => stack.disposeAsync());
  const at = (edge: number) => cluster.url('hostile', edge);

  for (const kind of KINDS) {
    it(`${kind}: asked on the stream of its call, answered at the next edge`, async () => {
      const { headers } = await hello(at(0));
      await using call = await openCall(at(1), toolCall('asking', 'ask', { kind, text: 'who?' }), headers);
      const question = await call.message('the question', ({ method }) => method === METHODS[kind]);
      const answered = await post(at(2), { jsonrpc: '2.0', id: question.id, result: ANSWERS[kind] }, headers);
      assert.equal(answered.status, 202, answered.text);
      const result = await call.message('the result', ({ id, method }) => id === 'asking' && method === undefined);
      assert.deepEqual(JSON.parse(textOf(result)!), ANSWERS[kind]);
      await call.ended;
    });

    it(`${kind}: asked on the standalone stream when no call is in flight`, async () => {
      const { headers } = await hello(at(0));
      await using stream = await openStream(at(1), { headers });
      await post(at(2), toolCall(1, 'askLater', { kind, ms: 30 }), headers);
      const question = await stream.message('the question', ({ method }) => method === METHODS[kind]);
      await post(at(0), { jsonrpc: '2.0', id: question.id, result: ANSWERS[kind] }, headers);
      const late = await stream.message('the outcome', ({ params }) => String(params?.['data']).startsWith('late '));
      assert.deepEqual(JSON.parse(String(late.params?.['data']).slice(5)), ANSWERS[kind]);
    });
  }

  it('a refusal of the client reaches the server as it was', async () => {
    const { headers } = await hello(at(0));
    await using call = await openCall(at(0), toolCall(1, 'ask', { kind: 'sampling' }), headers);
    const question = await call.message('the question', ({ method }) => method === METHODS.sampling);
    const error = { code: -1, message: 'User rejected sampling', data: { why: 'no' } };
    await post(at(1), { jsonrpc: '2.0', id: question.id, error }, headers);
    const result = await call.message('the result', ({ id, method }) => id === 1 && method === undefined);
    assert.deepEqual(JSON.parse(textOf(result)!), { error });
  });

  it('of two answers to one question, at two edges at once, the server hears one', async () => {
    const { headers } = await hello(at(0));
    for (let round = 0; round < 20; round++) {
      await using call = await openCall(at(round), toolCall(round, 'ask', { kind: 'roots' }), headers);
      const question = await call.message('the question', ({ method }) => method === METHODS.roots);
      const answers = [1, 2].map((edge) =>
        post(at(round + edge), { jsonrpc: '2.0', id: question.id, result: { roots: [], edge } }, headers),
      );
      for (const { status } of await Promise.all(answers)) assert.equal(status, 202);
      await call.message('the result', ({ id, method }) => id === round && method === undefined);
    }
    const pids = (await ledger.entries()).filter(({ name }) => name === 'ask').map(({ pid }) => pid);
    const mine = (await ledger.entries()).filter(({ pid }) => pid === pids.at(-1));
    assert.equal(mine.filter(({ method, id }) => method === undefined && id !== undefined).length, 20);
  });

  it('an answer from another session reaches nobody', async () => {
    const [one, two] = [await hello(at(0)), await hello(at(0))];
    await using call = await openCall(at(0), toolCall(1, 'ask', { kind: 'roots' }), one.headers);
    const question = await call.message('the question', ({ method }) => method === METHODS.roots);
    await post(at(1), { jsonrpc: '2.0', id: question.id, result: { roots: [{ uri: 'file:///forged' }] } }, two.headers);
    await post(at(2), { jsonrpc: '2.0', id: question.id, result: { roots: [{ uri: 'file:///true' }] } }, one.headers);
    const result = await call.message('the result', ({ id, method }) => id === 1 && method === undefined);
    assert.deepEqual(JSON.parse(textOf(result)!), { roots: [{ uri: 'file:///true' }] });
  });

  it('many questions of one call are answered in turn, each at another edge', async () => {
    const { headers } = await hello(at(0));
    await using call = await openCall(at(0), toolCall('many', 'ask', { kind: 'elicitation', times: 12 }), headers);
    for (let nth = 0; nth < 12; nth++) {
      const known = call.messages().filter(({ method }) => method === METHODS.elicitation).length;
      if (known <= nth)
        await call.events.next(
          `question ${nth}`,
          () => call.messages().filter(({ method }) => method === METHODS.elicitation).length > nth,
        );
      const question = call.messages().filter(({ method }) => method === METHODS.elicitation)[nth]!;
      await post(at(nth), { jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { answer: `${nth}` } } }, headers);
    }
    const result = await call.message('the result', ({ id, method }) => id === 'many' && method === undefined);
    const answers = JSON.parse(textOf(result)!) as { content: { answer: string } }[];
    assert.deepEqual(
      answers.map(({ content }) => content.answer),
      Array.from({ length: 12 }, (_, nth) => `${nth}`),
    );
  });
});
