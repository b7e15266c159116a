/**
 * Places under a limit that are held by processes which nobody uses: whoever needs one gets it, at whatever worker it is,
 * and what is in use is left alone.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startNats } from '@causeway/cluster';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, post, toolCall, textOf, type Message } from '../harness/speak.ts';
import { ask, call, openAsk } from '../harness/stateless.ts';

const LIMIT = 3;

describe('places that are held by processes which nobody uses', () => {
  const stack = new AsyncDisposableStack();
  let life: Lifeline;
  let edge: Causeway;
  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    const nats = stack.use(await startNats({ nodes: 1 }));
    const args = ['--nats', nats.urls.join(',')];
    const config = { limits: { sessions: LIMIT } };
    // Each worker has a server of its own, so that a request chooses its worker.
    for (const name of ['here', 'there']) stack.use(await openCauseway('worker', { args, config, servers: { [name]: hostile(life.env) } }));
    edge = stack.use(await openCauseway('edge', { args, config }));
  });
  after(() => stack.disposeAsync());

  /** Why a session is not opened. */
  const refusal = async (): Promise<unknown> => {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
    const { status, messages } = await post(edge.url('here'), { jsonrpc: '2.0', id: 1, method: 'initialize', params });
    return status === 200 ? undefined : messages[0]?.error?.data?.['reason'];
  };
  const answered = async (server: string, ...messages: Message[]): Promise<void> => {
    const answers = await Promise.all(messages.map((message) => ask(edge.url(server), message)));
    for (const { status, text } of answers) assert.equal(status, 200, text);
  };

  it('are given up for a request without a session, in both directions', async () => {
    await answered('here', ...[1, 2, 3].map((id) => call(id, 'sleep', { ms: 200 })));
    await answered('there', call(4, 'echo'));
    await answered('there', call(5, 'sleep', { ms: 200 }), call(6, 'sleep', { ms: 200 }), call(7, 'sleep', { ms: 200 }));
    await answered('here', call(8, 'echo'));
    await life.holders(LIMIT);
  });

  it('are given up for a session at another worker, one for each that opens, and no more than that', async () => {
    await answered('there', ...[1, 2, 3].map((id) => call(id, 'sleep', { ms: 200 })));
    const sessions = [];
    for (let nth = 0; nth < LIMIT; nth++) {
      await life.holders(LIMIT);
      sessions.push(await hello(edge.url('here')));
    }
    // Nothing is left that nobody uses.
    assert.equal(await refusal(), 'limit.total');
    for (const { headers } of sessions) {
      const { messages } = await post(edge.url('here'), toolCall('still', 'echo', { text: 'here' }), headers);
      assert.equal(textOf(messages.at(-1)), 'here');
      await fetch(edge.url('here'), { method: 'DELETE', headers });
    }
  });

  it('a process in the middle of a call is not given up', async () => {
    const running = [1, 2, 3].map((id) => openAsk(edge.url('there'), call(id, 'progress', { n: 30, ms: 100 }, { progressToken: id })));
    const streams = await Promise.all(running);
    for (const stream of streams) await stream.message('progress', ({ method }) => method === 'notifications/progress');
    assert.equal(await refusal(), 'limit.total');
    for (const stream of streams) await stream.message('the answer', ({ id }) => id !== undefined);
    await hello(edge.url('here'));
  });
});
