/**
 * Every failure that a client is told has a reference that stands in one line of the log, whoever told it; what
 * succeeds has none.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { rawBytes } from '../harness/raw.ts';
import { hello, post, toolCall, type Message } from '../harness/speak.ts';

describe('references', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let url: string;

  before(async () => {
    const missing = { command: '/nonexistent/server' };
    bridge = stack.use(
      await openCauseway('run', {
        servers: { hostile: hostile(), missing, small: hostile({}, { limits: { sessions: 1 } }) },
        args: ['--no-probe'],
      }),
    );
    url = bridge.url('hostile');
  });
  after(() => stack.disposeAsync());

  async function assertLogged(message: Message | undefined, reason: string): Promise<string> {
    assert.equal(message?.error?.data?.['reason'], reason);
    const ref = String(message.error.data['ref']);
    assert.match(ref, /^[\w-]{8}$/);
    const line = await bridge.logs.next(`a line with ${ref}`, (one) => one['ref'] === ref);
    assert.equal(line['reason'], reason);
    assert.equal(bridge.logs.items.filter((one) => one['ref'] === ref).length, 1);
    return ref;
  }

  it('a refusal by the edge, each another one', async () => {
    const refs: string[] = [];
    for (let at = 0; at < 3; at++)
      refs.push(await assertLogged((await post(url, toolCall(1, 'echo'))).messages[0], 'request.session_missing'));
    assert.equal(new Set(refs).size, 3);
  });

  it('a refusal of what is no HTTP', async () => {
    const answer = await rawBytes(bridge.port, Buffer.from('nonsense\r\n\r\n'));
    await assertLogged(JSON.parse(answer.text) as Message, 'request.header');
  });

  it('a start that failed at the worker', async () => {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
    const answer = await post(bridge.url('missing'), { jsonrpc: '2.0', id: 1, method: 'initialize', params });
    await assertLogged(answer.messages[0], 'server.start_failed');
  });

  it('an opening that a limit refuses: the end of what had not begun names the limit', async () => {
    const small = bridge.url('small');
    await hello(small);
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
    const answer = await post(small, { jsonrpc: '2.0', id: 1, method: 'initialize', params });
    await assertLogged(answer.messages[0], 'limit.server');
    const ended = await bridge.logs.next('its end', ({ msg, server }) => msg === 'session ended' && server === 'small');
    assert.equal(ended['error'], 'limit.server');
  });

  it('a call that failed while it ran', async () => {
    const { headers } = await hello(url);
    const answer = await post(url, toolCall('a', 'crash', { code: 3 }), headers);
    await assertLogged(answer.messages.at(-1), 'server.exited');
  });

  it('a call that succeeded has none', async () => {
    const { headers } = await hello(url);
    const answer = await post(url, toolCall('a', 'echo', { text: 'fine' }), headers);
    assert.doesNotMatch(answer.text, /"ref"/);
  });
});
