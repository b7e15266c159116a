/**
 * Servers that give every id back as text, "1" for 1: the official clients take that, so such servers are used. Seen from its first
 * answer on, by sessions and by requests without one, in either era.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, openCall, post, textOf, toolCall } from '../harness/speak.ts';
import { call, told } from '../harness/stateless.ts';

const TEXT = { TEXT_IDS: '1' };

describe('ids that come back as text', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  before(async () => {
    const servers = { legacy: hostile(TEXT), modern: hostile({ ...TEXT, ERA: 'modern' }) };
    bridge = stack.use(await openCauseway('run', { servers }));
  });
  after(() => stack.disposeAsync());

  for (const server of ['legacy', 'modern']) {
    it(`${server}: a session is opened, and its calls have their own ids, and their type, back`, async () => {
      const url = bridge.url(server);
      const { headers } = await hello(url);
      for (const id of [0, 7, '7', 'x']) {
        const { messages } = await post(url, toolCall(id, 'echo', { text: `for ${id}` }), headers);
        assert.deepEqual(
          messages.map((message) => [message.id, textOf(message)]),
          [[id, `for ${id}`]],
        );
      }
    });

    it(`${server}: so have calls without a session`, async () => {
      for (const id of [0, '7']) assert.equal(textOf(await told(bridge.url(server), call(id, 'echo', { text: 'hi' }))), 'hi');
    });
  }

  it('an answer of the client whose id is text answers the question', async () => {
    const url = bridge.url('legacy');
    const { headers } = await hello(url);
    await using stream = await openCall(url, toolCall('asks', 'ask', { kind: 'roots' }), headers);
    const question = await stream.message('the question', ({ method }) => method === 'roots/list');
    await post(url, { jsonrpc: '2.0', id: String(question.id), result: { roots: [] } }, headers);
    const answer = await stream.message('the answer', ({ id }) => id === 'asks');
    assert.equal(textOf(answer), '{"roots":[]}');
  });
});
