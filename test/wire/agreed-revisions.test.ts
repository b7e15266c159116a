/**
 * Servers that choose another revision than their client asked for: what was agreed on decides, also through an edge that
 * has seen nothing of it, and without a header.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, post, textOf, toolCall, type Headers } from '../harness/speak.ts';

describe('servers that choose another revision than was asked for', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  before(async () => {
    const servers = {
      first: hostile({ REVISION: '2024-10-07' }),
      batches: hostile({ REVISION: '2025-03-26' }),
      strange: hostile({ REVISION: '2025\u009b31m\u001b[2J' }),
      // Longer than an answer waits for its stream: the head of that has the id.
      slow: hostile({ REVISION: '2024-10-07', STARTUP_MS: '2500' }),
    };
    bridge = stack.use(await openCauseway('run', { servers }));
  });
  after(() => stack.disposeAsync());

  it('one that is no date is told to its client, and not to who reads the log', async () => {
    const { revision } = await hello(bridge.url('strange'), '2025-03-26');
    assert.equal(revision, '2025\u009b31m\u001b[2J');
    const opened = await bridge.logs.next('an open', ({ msg, server }) => msg === 'session opened' && server === 'strange');
    assert.equal(opened['revision'], 'other');
  });

  for (const name of ['first', 'slow'])
    it(`the 1.x client uses a server of 2024-10-07 (${name})`, async () => {
      const client = new Client({ name: 'old', version: '1' });
      const complaints: string[] = [];
      Object.assign(client, { onerror: ({ message }: Error) => void complaints.push(message) });
      await client.connect(new StreamableHTTPClientTransport(new URL(bridge.url(name))));
      const { content } = await client.callTool({ name: 'echo', arguments: { text: 'from long ago' } });
      assert.deepEqual(content, [{ type: 'text', text: 'from long ago' }]);
      await client.close();
      assert.deepEqual(
        complaints.filter((one) => !one.includes('abort')),
        [],
      );
    });

  const batch = [toolCall(1, 'echo', { text: 'one' }), toolCall(2, 'echo', { text: 'two' })];
  const unnamed = async (name: string): Promise<Headers> => {
    const { session } = await hello(bridge.url(name), '2025-11-25');
    return { 'mcp-session-id': session };
  };

  it('without a header: batches where 2025-03-26 was agreed on, and no event without data', async () => {
    const headers = await unnamed('batches');
    const answer = await post(bridge.url('batches'), batch, headers);
    assert.deepEqual([answer.status, new Set(answer.messages.map(textOf))], [200, new Set(['one', 'two'])], answer.text);
    const slow = await post(bridge.url('batches'), toolCall(3, 'progress', { n: 2, ms: 20 }, { progressToken: 't' }), headers);
    assert.deepEqual(
      slow.events.map(({ data }) => data === ''),
      [false, false, false],
    );
  });

  it('a session of 2024-10-07 has neither, and takes no header that names nothing', async () => {
    const headers = await unnamed('first');
    const url = bridge.url('first');
    assert.equal((await post(url, batch, headers)).status, 400);
    const call = toolCall(3, 'progress', { n: 2, ms: 20 }, { progressToken: 't' });
    const slow = await post(url, call, { ...headers, 'mcp-protocol-version': '2024-10-07' });
    assert.deepEqual(
      slow.events.map(({ data }) => data === ''),
      [false, false, false],
    );
    for (const version of ['1999', 'draft', '2024-10-07x'])
      assert.equal((await post(url, call, { ...headers, 'mcp-protocol-version': version })).status, 400, version);
  });

  it('a session of a revision that is known takes no header of another that is not', async () => {
    const headers = await unnamed('batches');
    const answer = await post(bridge.url('batches'), toolCall(1, 'echo'), { ...headers, 'mcp-protocol-version': '2024-10-07' });
    assert.equal(answer.status, 400);
  });
});
