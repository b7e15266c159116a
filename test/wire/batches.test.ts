/**
 * Batches: arrays of messages exist in 2025-03-26 and in no other revision.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertRefused } from '../harness/refusal.ts';
import { hello, post, textOf, toolCall, type Hello, type Message } from '../harness/speak.ts';

describe('batches', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let url: string;
  let open: Hello;

  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { hostile: hostile() } }));
    url = bridge.url('hostile');
    open = await hello(url, '2025-03-26');
  });
  after(() => stack.disposeAsync());

  const echo = (id: unknown) => toolCall(id, 'echo', { text: `for ${JSON.stringify(id)}` });
  const INVALID = { status: 400, code: -32600, reason: 'request.invalid' };

  it('each request of a batch gets its own answer, once', async () => {
    const ids = [1, '1', 0, ''];
    const answer = await post(url, [...ids.map(echo), { jsonrpc: '2.0', method: 'notifications/roots/list_changed' }], open.headers);
    assert.equal(answer.status, 200);
    assert.equal(answer.messages.length, ids.length);
    for (const id of ids) assert.equal(textOf(answer.messages.find((message) => message.id === id)), `for ${JSON.stringify(id)}`);
  });

  it('a batch of one request is answered by an array of one, an error too', async () => {
    const answer = await post(url, [echo('alone')], open.headers);
    assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'application/json']);
    assert.equal(Number(answer.headers.get('content-length')), Buffer.byteLength(answer.text));
    const [one, ...others] = JSON.parse(answer.text) as Message[];
    assert.deepEqual([one?.id, textOf(one), others], ['alone', 'for "alone"', []]);
    const notified = { jsonrpc: '2.0', method: 'notifications/roots/list_changed' };
    assert.ok(Array.isArray(JSON.parse((await post(url, [notified, echo(1)], open.headers)).text)));
    const gone = await hello(url, '2025-03-26');
    const failed = await post(url, [toolCall('fatal', 'crash')], gone.headers);
    assert.equal(failed.status, 200, failed.text);
    assert.deepEqual(
      (JSON.parse(failed.text) as Message[]).map(({ id, error }) => [id, error?.data?.['reason']]),
      [['fatal', 'server.exited']],
    );
  });

  it('slow and fast requests of a batch end together', async () => {
    const answer = await post(
      url,
      [toolCall('slow', 'sleep', { ms: 150, text: 'slow' }), toolCall('fast', 'progress', { n: 2 }, { progressToken: 't' })],
      open.headers,
    );
    assert.deepEqual(new Set(answer.messages.flatMap(({ id }) => id ?? [])), new Set(['slow', 'fast']));
    assert.equal(answer.messages.filter(({ method }) => method === 'notifications/progress').length, 2);
  });

  it('a batch without requests answers 202', async () => {
    const answer = await post(
      url,
      [
        { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
        { jsonrpc: '2.0', id: 1, result: {} },
      ],
      open.headers,
    );
    assert.equal(answer.status, 202);
    assert.equal(answer.text, '');
  });

  it('an empty batch answers 400', async () => {
    assertRefused(await post(url, [], open.headers), INVALID);
  });

  it('initialize in a batch answers 400', async () => {
    const initialize = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
    };
    assertRefused(await post(url, [initialize]), INVALID);
    assertRefused(await post(url, [initialize, echo(2)], open.headers), INVALID);
  });

  it('100 messages are served, 101 answer 400', async () => {
    const many = (n: number) => Array.from({ length: n }, (_, at) => echo(at));
    assert.equal((await post(url, many(100), open.headers)).messages.length, 100);
    assertRefused(await post(url, many(101), open.headers), INVALID);
  });

  it('one bad message refuses the whole batch, and none of it runs', async () => {
    const before = textOf((await post(url, toolCall(1, 'count'), open.headers)).messages.at(-1));
    assertRefused(await post(url, [toolCall(2, 'count'), { jsonrpc: '2.0', id: {}, method: 'tools/list' }], open.headers), INVALID);
    const after = textOf((await post(url, toolCall(3, 'count'), open.headers)).messages.at(-1));
    assert.equal(Number(after), Number(before) + 1);
  });

  for (const revision of ['2025-06-18', '2025-11-25']) {
    it(`a batch answers 400 in ${revision}`, async () => {
      const { headers } = await hello(url, revision);
      assertRefused(await post(url, [echo(1)], headers), INVALID);
    });
  }
});
