/**
 * subscriptions/listen: acknowledged first, every frame under the id of its request as it was written, nothing that
 * was not asked for, and a proper end when the bridge goes.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLedger } from '../harness/ledger.ts';
import { hostile, openCauseway, stdio2025, stdio2026, type Causeway } from '../harness/processes.ts';
import type { Message } from '../harness/speak.ts';
import { ask, call, listen, PREFIX, request, subscriptionOf, told } from '../harness/stateless.ts';

const WATCHED = 'test://watched-resource';
const TOOLS = 'notifications/tools/list_changed';
const PROMPTS = 'notifications/prompts/list_changed';
const UPDATED = 'notifications/resources/updated';
const is =
  (wanted: string) =>
  ({ method }: Message): boolean =>
    method === wanted;

describe('listening', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let bridge: Causeway;
  before(async () => {
    const servers = { legacy: stdio2025(), modern: stdio2026(), dual: stdio2026('dual'), hostile: hostile(ledger.env) };
    bridge = stack.use(await openCauseway('run', { servers }));
  });
  after(() => stack.disposeAsync());

  for (const server of ['legacy', 'modern', 'dual']) {
    for (const id of [0, '', '1', 1, -3, '__proto__']) {
      it(`${server}: every frame carries the id ${JSON.stringify(id)} as it was written`, async () => {
        const url = bridge.url(server);
        await using stream = await listen(url, id, { toolsListChanged: true });
        assert.match(stream.headers.get('content-type') ?? '', /^text\/event-stream/);
        await told(url, call('t', 'test_trigger_tool_change'));
        await stream.message('the change', is(TOOLS));
        const frames = stream.messages();
        assert.equal(frames[0]?.method, 'notifications/subscriptions/acknowledged');
        assert.deepEqual(frames[0].params?.['notifications'], { toolsListChanged: true });
        for (const frame of frames) assert.deepEqual(subscriptionOf(frame), id, JSON.stringify(frame));
        for (const event of stream.events.items) assert.equal(event.id, undefined);
      });
    }

    it(`${server}: only what was asked for arrives`, async () => {
      const url = bridge.url(server);
      await using prompts = await listen(url, 'p', { promptsListChanged: true });
      await using tools = await listen(url, 't', { toolsListChanged: true });
      await ask(url, call(1, 'test_tool_with_logging', {}, { [`${PREFIX}logLevel`]: 'debug', progressToken: 'x' }));
      await told(url, call(2, 'test_trigger_tool_change'));
      await tools.message('the change of tools', is(TOOLS));
      await told(url, call(3, 'test_trigger_prompt_change'));
      await prompts.message('the change of prompts', is(PROMPTS));
      const heard = (stream: typeof tools) => [...new Set(stream.messages().map(({ method }) => method))].slice(1);
      assert.deepEqual(heard(prompts), [PROMPTS]);
      assert.deepEqual(heard(tools), [TOOLS]);
    });

    it(`${server}: updates of the resources that were named`, async () => {
      const url = bridge.url(server);
      await using watching = await listen(url, 1, { resourceSubscriptions: [WATCHED] });
      await using other = await listen(url, 1, { resourceSubscriptions: ['test://static-text'], toolsListChanged: true });
      await told(url, call(2, 'test_touch_watched'));
      assert.equal((await watching.message('the update', is(UPDATED))).params?.['uri'], WATCHED);
      await told(url, call(3, 'test_trigger_tool_change'));
      await other.message('a later change', is(TOOLS));
      assert.deepEqual(other.messages().filter(is(UPDATED)), []);
    });

    it(`${server}: two clients with the same id hear the same, each once`, async () => {
      const url = bridge.url(server);
      await using one = await listen(url, 'same', { toolsListChanged: true, promptsListChanged: true });
      await using two = await listen(url, 'same', { toolsListChanged: true, promptsListChanged: true });
      await told(url, call(1, 'test_trigger_tool_change'));
      await told(url, call(2, 'test_trigger_prompt_change'));
      for (const stream of [one, two]) {
        await stream.message('one change', is(PROMPTS));
        // The same change twice within a moment is told a moment later, and once.
        await stream.message('the other', is(TOOLS));
        assert.equal(stream.messages().filter(is(TOOLS)).length, 1);
      }
    });
  }

  it('what a server cannot do is not acknowledged', async () => {
    await using stream = await listen(bridge.url('legacy'), 1, { toolsListChanged: true, taskIds: ['t'], unheardOf: true });
    assert.deepEqual(stream.messages()[0]?.params?.['notifications'], { toolsListChanged: true });
  });

  for (const notifications of [undefined, 7, { toolsListChanged: 'yes' }, { resourceSubscriptions: 'x' }]) {
    it(`a filter of ${JSON.stringify(notifications)} is refused`, async () => {
      const { error } = await told(bridge.url('legacy'), request(1, 'subscriptions/listen', { notifications }));
      assert.equal(error?.code, -32602);
    });
  }

  it('a 2025 server is subscribed to a resource while somebody listens, once', async () => {
    const url = bridge.url('hostile');
    const count = async (method: string) => (await ledger.entries()).filter((entry) => entry.method === method).length;
    const one = await listen(url, 1, { resourceSubscriptions: ['x://a'] });
    await ledger.next('the subscription', ({ method }) => method === 'resources/subscribe');
    const two = await listen(url, 1, { resourceSubscriptions: ['x://a'] });
    await one.drop();
    await told(url, call(1, 'echo'));
    assert.equal(await count('resources/subscribe'), 1);
    assert.equal(await count('resources/unsubscribe'), 0);
    await two.drop();
    await ledger.next('the end of it', ({ method }) => method === 'resources/unsubscribe');
  });

  it('when the bridge goes, each listener is told with a result', async () => {
    await using leaving = await openCauseway('run', { servers: { legacy: stdio2025(), modern: stdio2026() } });
    for (const server of ['legacy', 'modern']) await (await listen(leaving.url(server), 'first', { toolsListChanged: true })).drop();
    await using legacy = await listen(leaving.url('legacy'), 0, { toolsListChanged: true });
    await using modern = await listen(leaving.url('modern'), 'last', { toolsListChanged: true });
    leaving.kill('SIGTERM');
    for (const [stream, id] of [
      [legacy, 0],
      [modern, 'last'],
    ] as const) {
      const end = await stream.message('the end', (message) => message.result !== undefined);
      assert.deepEqual(end.id, id);
      assert.equal(end.result?.['resultType'], 'complete');
      assert.deepEqual(subscriptionOf(end), id);
      await stream.ended;
    }
  });
});
