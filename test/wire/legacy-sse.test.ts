/**
 * HTTP+SSE of 2024-11-05: the stream is the session. Its end is the child's end; whatever is posted, however
 * malformed, is not.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { assertOwn, canary } from '../harness/canary.ts';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertRefused } from '../harness/refusal.ts';
import { hello, openStream, post, textOf, toolCall, type Message, type OpenStream } from '../harness/speak.ts';
import { quickest } from '../harness/within.ts';

interface Legacy extends AsyncDisposable {
  readonly stream: OpenStream;
  readonly endpoint: string;
  send(message: unknown): ReturnType<typeof post>;
  call(message: Message): Promise<Message>;
}

async function openLegacy(url: string): Promise<Legacy> {
  const stream = await openStream(url);
  const { data } = await stream.events.next('the endpoint', ({ event }) => event === 'endpoint');
  const endpoint = new URL(data, url).href;
  const send = (message: unknown) => post(endpoint, message, { accept: '*/*' });
  const call = async (message: Message) => {
    const { status, text } = await send(message);
    assert.equal(status, 202, text);
    return stream.message(`the answer to ${JSON.stringify(message.id)}`, ({ id, method }) => method === undefined && id === message.id);
  };
  await call({
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'old', version: '1' } },
  });
  await send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return { stream, endpoint, send, call, [Symbol.asyncDispose]: () => stream.drop() };
}

describe('HTTP+SSE', () => {
  const stack = new AsyncDisposableStack();
  let life: Lifeline;
  let bridge: Causeway;
  let url: string;

  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    const servers = { hostile: hostile(life.env, { default: true }), early: hostile({ EARLY: '2' }) };
    bridge = stack.use(await openCauseway('run', { servers, config: { http: { paths: { sse: '/api/events' } } } }));
    url = bridge.url('hostile', 'sse');
  });
  after(() => stack.disposeAsync());

  const pidOf = async (legacy: Legacy): Promise<number> =>
    (JSON.parse(textOf(await legacy.call(toolCall('pid', 'pid')))!) as { pid: number }).pid;

  it('the first event names the endpoint, relative to the server, and messages are plain events', async () => {
    await using legacy = await openLegacy(url);
    const [first] = legacy.stream.events.items;
    assert.equal(first?.event, 'endpoint');
    assert.doesNotMatch(first.data, /:\/\//);
    assert.match(new URL(first.data, url).pathname, /^\/servers\/hostile\/messages?$/);
    assert.match(new URL(first.data, url).search, /^\?sessionId=[\x21-\x7e]{32,}$/);
    assert.equal(textOf(await legacy.call(toolCall(1, 'echo', { text: 'é\u2028' }))), 'é\u2028');
    for (const { event, id, retry } of legacy.stream.events.items.slice(1))
      assert.deepEqual([event, id, retry], ['message', undefined, undefined]);
  });

  for (const path of ['/sse', '/sse/', '/servers/hostile/sse/', '/api/events', '/api/events/'])
    for (const prefix of ['', '/behind/a/prefix'])
      it(`the official client finds the way back from ${prefix}${path}`, async () => {
        const client = new Client({ name: 'old', version: '1' });
        const stripped = (url: string | URL, init?: RequestInit): Promise<Response> => {
          const { pathname, search } = new URL(url);
          return fetch(bridge.base + pathname.slice(prefix.length) + search, init);
        };
        await client.connect(new SSEClientTransport(new URL(`${bridge.base}${prefix}${path}`), { fetch: stripped }));
        const { content } = await client.callTool({ name: 'echo', arguments: { text: path } });
        assert.deepEqual(content, [{ type: 'text', text: path }]);
        await client.close();
      });

  it('progress, questions and what comes before initialize ride the stream', async () => {
    await using legacy = await openLegacy(url);
    await legacy.call(toolCall(2, 'progress', { n: 3 }, { progressToken: 't' }));
    assert.equal(legacy.stream.messages().filter(({ method }) => method === 'notifications/progress').length, 3);
    await legacy.send(toolCall(3, 'ask', { kind: 'sampling' }));
    const question = await legacy.stream.message('the question', ({ method }) => method === 'sampling/createMessage');
    await legacy.send({
      jsonrpc: '2.0',
      id: question.id,
      result: { model: 'm', role: 'assistant', content: { type: 'text', text: 'an answer' } },
    });
    assert.match(textOf(await legacy.stream.message('the result', ({ id }) => id === 3)) ?? '', /an answer/);
    await using early = await openLegacy(bridge.url('early', 'sse'));
    assert.equal(early.stream.messages().filter(({ params }) => String(params?.['data']).startsWith('early')).length, 2);
  });

  it('the end of the stream ends a willing child within 100 ms', async () => {
    let legacy!: Awaited<ReturnType<typeof openLegacy>>;
    const ms = await quickest(100, async () => {
      legacy = await openLegacy(url);
      const died = life.died(await pidOf(legacy), 8_000);
      const began = performance.now();
      await legacy.stream.drop();
      return (await died).at - began;
    });
    assert.ok(ms < 100, `${Math.round(ms)} ms`);
    assertRefused(await legacy.send(toolCall(1, 'echo')), { status: 404, code: -32001, reason: 'request.session_unknown' });
  });

  it("the child's exit ends the stream, after an answer to each call", async () => {
    await using legacy = await openLegacy(url);
    await legacy.send(toolCall('waiting', 'never'));
    await legacy.send(toolCall('bang', 'crash', { code: 9 }));
    const answer = await legacy.stream.message('an error', ({ id }) => id === 'waiting');
    assert.equal(answer.error?.code, -31502);
    await legacy.stream.ended;
  });

  it('a bad message is refused and the session goes on', async () => {
    await using legacy = await openLegacy(url);
    for (const body of ['{"jsonrpc":', '42', '', '{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"x"}', '[]']) {
      assert.equal((await legacy.send(body)).status, 400);
    }
    assert.equal((await post(legacy.endpoint, toolCall(1, 'echo'), { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await post(legacy.endpoint, toolCall(1, 'echo'), { origin: 'http://evil.example' })).status, 403);
    assert.equal(textOf(await legacy.call(toolCall(2, 'echo', { text: 'on' }))), 'on');
  });

  it('unknown sessions, missing sessions and wrong methods have their statuses', async () => {
    const message = url.replace(/sse$/, 'message');
    assertRefused(await post(`${message}?sessionId=${'x'.repeat(64)}`, toolCall(1, 'echo')), {
      status: 404,
      code: -32001,
      reason: 'request.session_unknown',
    });
    assertRefused(await post(`${message}?sessionId=__proto__`, toolCall(1, 'echo')), {
      status: 404,
      code: -32001,
      reason: 'request.session_unknown',
    });
    assertRefused(await post(message, toolCall(1, 'echo')), { status: 400, code: -32000, reason: 'request.session_missing' });
    const wrong = await fetch(message);
    await wrong.body?.cancel();
    assert.equal(wrong.status, 405);
  });

  it('a session of one transport is unknown to the other', async () => {
    await using legacy = await openLegacy(url);
    const session = new URL(legacy.endpoint).searchParams.get('sessionId')!;
    const answer = await post(bridge.url('hostile'), toolCall(1, 'echo'), { 'mcp-session-id': session }, 3_000);
    assert.ok([400, 404].includes(answer.status), answer.text);
    const streamable = await hello(bridge.url('hostile'));
    const reverse = await post(`${url.replace(/sse$/, 'message')}?sessionId=${streamable.session}`, toolCall(1, 'echo'), {}, 3_000);
    assert.ok([400, 404].includes(reverse.status), reverse.text);
    assert.equal(textOf(await legacy.call(toolCall(2, 'echo', { text: 'on' }))), 'on');
  });

  it('/messages and session_id, as others call them, are served', async () => {
    await using legacy = await openLegacy(url);
    const session = new URL(legacy.endpoint).searchParams.get('sessionId')!;
    const answer = await post(`${url.replace(/sse$/, 'messages/')}?session_id=${session}`, toolCall('alias', 'echo', { text: 'by alias' }));
    assert.equal(answer.status, 202, answer.text);
    assert.equal(textOf(await legacy.stream.message('the answer', ({ id }) => id === 'alias')), 'by alias');
  });

  it('no stream hears of another, with equal ids and tokens', async () => {
    const streams = await Promise.all(Array.from({ length: 6 }, () => openLegacy(url)));
    try {
      await Promise.all(
        streams.map(async (legacy, at) => {
          for (let round = 1; round <= 5; round++) {
            const mark = canary(`stream-${at}`);
            await legacy.call(toolCall(`${round}`, 'progress', { n: 3, tag: mark }, { progressToken: 1 }));
          }
        }),
      );
      for (const [at, { stream }] of streams.entries()) {
        assertOwn(`stream-${at}`, stream.events.items);
        assert.equal(stream.messages().filter(({ method }) => method === 'notifications/progress').length, 15);
      }
    } finally {
      await Promise.all(streams.map(({ stream }) => stream.drop()));
    }
  });
});
