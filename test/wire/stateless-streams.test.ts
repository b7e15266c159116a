/**
 * Streams of 2026-07-28: each belongs to one request, carries what that request asked for and nothing else, cannot be
 * resumed, and when its client drops it the call is cancelled.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLedger } from '../harness/ledger.ts';
import { hostile, openCauseway, stdio2025, stdio2026, type Causeway } from '../harness/processes.ts';
import { textOf, type Message } from '../harness/speak.ts';
import { ask, call, headersOf, openAsk, PREFIX, told, type Fields } from '../harness/stateless.ts';

const LEVEL = `${PREFIX}logLevel`;
const methods = (messages: readonly Message[]): readonly unknown[] => messages.map(({ method, id }) => method ?? id);

describe('streams of 2026-07-28', () => {
  const stack = new AsyncDisposableStack();
  const ledgers = { hostile: stack.use(openLedger()), 'hostile-modern': stack.use(openLedger()) };
  let bridge: Causeway;
  before(async () => {
    const servers = {
      legacy: stdio2025(),
      modern: stdio2026(),
      hostile: hostile(ledgers.hostile.env),
      'hostile-modern': hostile({ ...ledgers['hostile-modern'].env, ERA: 'modern' }),
    };
    bridge = stack.use(await openCauseway('run', { servers }));
  });
  after(() => stack.disposeAsync());

  for (const server of ['legacy', 'modern'] as const) {
    for (const token of ['mine', '', 0, 7]) {
      it(`${server}: progress under the token ${JSON.stringify(token)}, then the answer, without ids of events`, async () => {
        const answer = await ask(bridge.url(server), call('p', 'test_tool_with_progress', {}, { progressToken: token }));
        assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/);
        assert.equal(answer.headers.get('x-accel-buffering'), 'no');
        assert.deepEqual(
          answer.messages.slice(0, -1).map(({ method, params }) => [method, params?.['progressToken'], params?.['progress']]),
          [0, 50, 100].map((progress) => ['notifications/progress', token, progress]),
        );
        assert.equal(answer.messages.at(-1)?.id, 'p');
        assert.equal(answer.messages.at(-1)?.result?.['resultType'], 'complete');
        for (const { id, retry } of answer.events) assert.deepEqual([id, retry], [undefined, undefined]);
      });
    }

    it(`${server}: no progress without a token, no logs without a level`, async () => {
      for (const name of ['test_tool_with_progress', 'test_tool_with_logging', 'test_logging_tool']) {
        assert.deepEqual(methods((await ask(bridge.url(server), call(name, name))).messages), [name]);
      }
    });

    it(`${server}: logs at the level that was asked for, and above`, async () => {
      const logged = async (level: string) =>
        methods((await ask(bridge.url(server), call('l', 'test_tool_with_logging', {}, { [LEVEL]: level }))).messages);
      assert.deepEqual(await logged('debug'), [...Array.from({ length: 3 }, () => 'notifications/message'), 'l']);
      assert.deepEqual(await logged('info'), [...Array.from({ length: 3 }, () => 'notifications/message'), 'l']);
      assert.deepEqual(await logged('warning'), ['l']);
    });

    it(`${server}: changes are for those who listen, not on the stream of the call that made them`, async () => {
      for (const name of ['test_touch_watched', 'test_trigger_tool_change'])
        assert.deepEqual(methods((await ask(bridge.url(server), call('c', name))).messages), ['c']);
    });
  }

  it('levels are those of the request, whatever the one before wanted', async () => {
    const url = bridge.url('hostile');
    const logged = async (level: string | undefined, said: string) =>
      (await ask(url, call(1, 'log', { n: 2, level: said }, level === undefined ? {} : { [LEVEL]: level }))).messages.length - 1;
    assert.equal(await logged('debug', 'debug'), 2);
    assert.equal(await logged('error', 'warning'), 0);
    assert.equal(await logged('error', 'critical'), 2);
    assert.equal(await logged(undefined, 'emergency'), 0);
  });

  for (const server of ['hostile', 'hostile-modern'] as const) {
    it(`${server}: a stream that its client drops cancels the call`, async () => {
      const url = bridge.url(server);
      const running = await openAsk(url, call('d', 'progress', { n: 600, ms: 50, nonce: `dropped ${server}` }, { progressToken: 1 }));
      await running.message('some progress', ({ method }) => method === 'notifications/progress');
      await running.drop();
      const ledger = ledgers[server];
      const cancelled = await ledger.next('the cancellation', ({ method }) => method === 'notifications/cancelled');
      const called = (await ledger.entries()).find(({ nonce }) => nonce === `dropped ${server}`);
      assert.equal(cancelled.requestId, called?.id);
      assert.equal(cancelled.pid, called?.pid);
    });

    it(`${server}: so does a connection that is dropped before anything was answered`, async () => {
      const ledger = ledgers[server];
      const nonce = `silent ${server}`;
      const abort = new AbortController();
      const message = call('s', 'never', { nonce });
      const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headersOf(message) };
      const asked = fetch(bridge.url(server), { method: 'POST', headers, body: JSON.stringify(message), signal: abort.signal });
      const failed = assert.rejects(asked);
      const called = await ledger.next('the call', (entry) => entry.nonce === nonce);
      abort.abort();
      await failed;
      await ledger.next(
        'its cancellation',
        ({ method, pid, requestId }) => method === 'notifications/cancelled' && pid === called.pid && requestId === called.id,
      );
      assert.equal(textOf(await told(bridge.url(server), call(2, 'echo', { text: 'on' }))), 'on');
    });

    it(`${server}: calls at once with the same id and token each get their own`, async () => {
      const url = bridge.url(server);
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, at) => ask(url, call(1, 'progress', { n: 3, ms: 1, tag: `${at}` }, { progressToken: 1 }))),
      );
      for (const [at, { messages }] of answers.entries()) {
        assert.deepEqual(
          messages.slice(0, -1).map(({ params }) => [params?.['message'], params?.['progress'], params?.['progressToken']]),
          [1, 2, 3].map((progress) => [`${at}`, progress, 1]),
        );
        assert.equal(textOf(messages.at(-1)), 'done 3');
      }
    });

    it(`${server}: progress for nobody, or after the answer, reaches nobody`, async () => {
      const { messages } = await ask(bridge.url(server), call(1, 'stray', {}, { progressToken: 't' }));
      assert.deepEqual(methods(messages), [1]);
    });

    it(`${server}: a server that ends in the middle of a call: an answer, and the next call is served`, async () => {
      const url = bridge.url(server);
      const { error } = await told(url, call('x', 'crash'));
      assert.equal(error?.data?.['executed'], 'unknown');
      assert.equal(error.data['reason'], 'server.exited');
      assert.equal(textOf(await told(url, call(2, 'echo', { text: 'again' }))), 'again');
    });
  }

  it('a stream cannot be resumed: Last-Event-ID on a GET is of the other era', async () => {
    const response = await fetch(bridge.url('legacy'), {
      headers: { accept: 'text/event-stream', 'last-event-id': '1.1', 'mcp-protocol-version': '2026-07-28' },
    });
    await response.body?.cancel();
    assert.ok([400, 405].includes(response.status));
  });

  for (const server of ['hostile', 'hostile-modern'] as const) {
    it(`${server}: the server sees the metadata that its era has, and what belongs to neither`, async () => {
      const more = {
        progressToken: 'mine',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        'vendor.example/key': { deep: [1] },
      };
      const message = call(1, 'meta', {}, more);
      const { progressToken, ...seen } = JSON.parse(textOf(await told(bridge.url(server), message))!) as Fields;
      const { progressToken: _token, ...sent } = message.params!['_meta'] as Fields;
      assert.notEqual(progressToken, undefined);
      assert.deepEqual(
        seen,
        server === 'hostile-modern' ? sent : Object.fromEntries(Object.entries(sent).filter(([key]) => !key.startsWith(PREFIX))),
      );
    });
  }
});
