/**
 * Progress and its tokens as servers write them: back as text, for a client that named none, and of a task that goes on after the
 * answer that began it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, stdio2025, stdio2026, type Causeway } from '../harness/processes.ts';
import { hello, openStream, post, toolCall, type Headers } from '../harness/speak.ts';
import { ask, call } from '../harness/stateless.ts';

const progress = (token: string): string =>
  `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1}}`;
const answer = '{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"resultType":"complete"}}';
/** As servers do whose tokens are all text, those on the Java SDK for one. */
const echoed = { line: `${progress('"$TOKEN"')}\n${answer}` };

describe('progress', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let headers: Headers;
  before(async () => {
    const hostiles = { legacy: hostile(), modern: hostile({ ERA: 'modern' }) };
    bridge = stack.use(await openCauseway('run', { servers: { ...hostiles, 'stdio-2025': stdio2025(), 'stdio-2026': stdio2026() } }));
    ({ headers } = await hello(bridge.url('legacy')));
  });
  after(() => stack.disposeAsync());

  for (const server of ['legacy', 'modern']) {
    it(`${server}: a token that comes back as text finds its call, and its client's spelling`, async () => {
      const url = bridge.url(server);
      const session = await hello(url);
      for (const token of ['mine', 5]) {
        const { messages } = await post(url, toolCall(1, 'line', echoed, { progressToken: token }), session.headers);
        assert.deepEqual(
          messages.map(({ params }) => params?.['progressToken']),
          [token, undefined],
        );
        const stateless = await ask(url, call(1, 'line', echoed, { progressToken: token }));
        assert.deepEqual(
          stateless.messages.map(({ params }) => params?.['progressToken']),
          [token, undefined],
          stateless.text,
        );
      }
    });

    it(`${server}: who names no token, or none that is one, is given none`, async () => {
      const url = bridge.url(server);
      const session = await hello(url);
      for (const meta of [{}, { progressToken: null }]) {
        const { messages } = await post(url, toolCall(1, 'progress', { n: 2 }, meta), session.headers);
        assert.equal(messages.length, 1, JSON.stringify(messages));
        const stateless = await ask(url, call(1, 'progress', { n: 2 }, meta));
        assert.equal(stateless.messages.length, 1, stateless.text);
      }
    });
  }

  for (const server of ['stdio-2025', 'stdio-2026']) {
    it(`${server}: a server that drops a message with a null in \`_meta\` answers a client that writes one`, async () => {
      const url = bridge.url(server);
      const session = await hello(url);
      const told = toolCall(1, 'test_simple_text');
      for (const _meta of [null, { progressToken: null }]) {
        const { messages } = await post(url, { ...told, params: { ...told.params, _meta } }, session.headers);
        assert.ok(messages.at(-1)?.result, JSON.stringify(messages));
      }
      const stateless = await ask(url, call(1, 'test_simple_text', {}, { progressToken: null }));
      assert.ok(stateless.messages.at(-1)?.result, stateless.text);
    });
  }

  it('of a task goes on after the answer that began it, and of no other call', async () => {
    const url = bridge.url('legacy');
    await using stream = await openStream(url, { headers });
    const begins = (id: string, result: string) => ({
      ...{ jsonrpc: '2.0', id, method: 'tools/call' },
      params: {
        ...{ name: 'line', task: { ttl: 60_000 }, _meta: { progressToken: id } },
        arguments: { line: `{"jsonrpc":"2.0","id":$ID,"result":${result}}\n${progress('$TOKEN')}` },
      },
    });
    await post(url, begins('no task', '{"content":[]}'), headers);
    const { messages } = await post(url, begins('task', '{"task":{"taskId":"t","status":"working"}}'), headers);
    assert.deepEqual(
      messages.map(({ id }) => id),
      ['task'],
    );
    await stream.message('the progress', ({ method }) => method === 'notifications/progress');
    assert.deepEqual(
      stream.messages().flatMap(({ params }) => params?.['progressToken'] ?? []),
      ['task'],
    );
  });
});
