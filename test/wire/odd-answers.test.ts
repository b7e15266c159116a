/**
 * Answers of a server that are unusual or broken: what a client of the bare server could read reaches it unchanged,
 * and a call whose answer cannot be passed on fails at once, not at its deadline.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertError } from '../harness/refusal.ts';
import { hello, post, textOf, toolCall, type Headers } from '../harness/speak.ts';

describe('odd answers', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let url: string;
  let headers: Headers;

  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { hostile: hostile() } }));
    url = bridge.url('hostile');
    ({ headers } = await hello(url));
  });
  after(() => stack.disposeAsync());

  for (const depth of [200, 2_000, 9_000]) {
    it(`an answer that is ${depth} levels deep arrives as it is`, async () => {
      const result = `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      const answer = await post(url, toolCall('deep', 'verbatim', { result }), headers, 3_000);
      assert.ok(answer.text.includes(`"result":${result}`));
    });
  }

  const deep = '['.repeat(20_000) + ']'.repeat(20_000);
  for (const [what, line] of [
    ['is too deep', `{"jsonrpc":"2.0","id":$ID,"result":${deep}}`],
    ['has a member twice', '{"jsonrpc":"2.0","id":$ID,"result":{},"result":{}}'],
    ['has neither result nor error', '{"jsonrpc":"2.0","id":$ID}'],
    ['has no jsonrpc', '{"id":$ID,"result":{}}'],
    ['begins with a byte order mark', '\ufeff{"jsonrpc":"2.0","id":$ID,"result":{}}'],
    ['is in an array', ' [{"jsonrpc":"2.0","id":$ID,"result":{}}]'],
    ['has a number that JSON has not', '{"jsonrpc":"2.0","id":$ID,"result":{"x":NaN}}'],
  ] as const) {
    it(`an answer that ${what} is a definite error at once`, async () => {
      const answer = await post(url, toolCall('odd', 'line', { line }), headers, 3_000);
      assert.equal(answer.status, 200);
      assert.equal(answer.messages.at(-1)?.id, 'odd');
      assertError(answer.messages.at(-1), [-31502], 'server.reply_invalid', 'unknown');
      assert.equal(textOf((await post(url, toolCall(1, 'echo', { text: 'on' }), headers)).messages.at(-1)), 'on');
    });
  }

  it('a line of a log with the id of a call is noise', async () => {
    const lines = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((id) => `{"level":50,"id":${id},"error":"x"}`);
    assert.equal(textOf((await post(url, toolCall(1, 'noise', { lines }), headers)).messages.at(-1)), 'noisy');
  });
});
