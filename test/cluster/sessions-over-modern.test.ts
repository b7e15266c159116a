/**
 * Sessions of 2025 clients in front of servers of 2026-07-28, on three edges: what a session means to its client is
 * there, though the server knows of none: its questions, its log level, its subscriptions, cancellation, its end.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile, stdio2026 } from '../harness/processes.ts';
import { hello, openCall, openStream, post, textOf, toolCall, type Message } from '../harness/speak.ts';
import { ANSWERS } from '../harness/stateless.ts';

const WATCHED = 'test://watched-resource';
const logs = (messages: readonly Message[]): number => messages.filter(({ method }) => method === 'notifications/message').length;

describe('sessions in front of a server without any', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let life: Lifeline;
  let cluster: BridgeCluster;
  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    const servers = { modern: stdio2026(), hostile: hostile({ ...ledger.env, ...life.env, ERA: 'modern' }) };
    cluster = stack.use(await openBridgeCluster({ servers }));
  });
  after(() => stack.disposeAsync());
  const at = (edge: number, server = 'modern') => cluster.url(server, edge);

  it('questions ride the stream of their call, all of a round at once, and are answered at other edges', async () => {
    const { headers } = await hello(at(0));
    await using call = await openCall(at(1), toolCall('c', 'test_input_required_result_multiple_inputs'), headers);
    const asked = new Set<string>();
    for (const method of Object.keys(ANSWERS)) {
      const question = await call.message(method, (message) => message.method === method);
      assert.ok(question.id !== undefined);
      asked.add(JSON.stringify(question.id));
    }
    assert.equal(asked.size, 3, 'each has an id of its own');
    for (const [edge, question] of call
      .messages()
      .filter(({ id, method }) => id !== undefined && method !== undefined)
      .entries())
      assert.equal((await post(at(edge), { jsonrpc: '2.0', id: question.id, result: ANSWERS[question.method!] }, headers)).status, 202);
    assert.equal(textOf(await call.message('the result', ({ id, result }) => id === 'c' && result !== undefined)), 'sampled Ada, 1 roots');
  });

  it('several rounds of one call', async () => {
    const { headers } = await hello(at(0));
    await using call = await openCall(at(0), toolCall(0, 'test_input_required_result_multi_round'), headers);
    for (const [edge, step] of ['Step 1', 'Step 2'].entries()) {
      const question = await call.message(step, ({ params }) => String(params?.['message']).startsWith(step));
      await post(at(edge + 1), { jsonrpc: '2.0', id: question.id, result: ANSWERS['elicitation/create'] }, headers);
    }
    assert.equal(textOf(await call.message('the result', ({ id, result }) => id === 0 && result !== undefined)), 'Ada likes blue');
  });

  it('a client that refuses a question: the call fails, and the session goes on', async () => {
    const { headers } = await hello(at(0));
    await using call = await openCall(at(0), toolCall(1, 'test_sampling', { prompt: 'p' }), headers);
    const question = await call.message('the question', ({ method }) => method === 'sampling/createMessage');
    await post(at(1), { jsonrpc: '2.0', id: question.id, error: { code: -1, message: 'User rejected sampling' } }, headers);
    const said = await call.message('an answer', ({ id, method }) => id === 1 && method === undefined);
    assert.ok(said.error !== undefined || said.result?.['isError'] === true, JSON.stringify(said));
    assert.equal(textOf((await post(at(2), toolCall(2, 'test_simple_text'), headers)).messages.at(-1))?.startsWith('This is'), true);
  });

  it('logs come until the client says how many it wants, at any edge', async () => {
    const { headers } = await hello(at(0));
    const logged = async (edge: number) => logs((await post(at(edge), toolCall(1, 'test_tool_with_logging'), headers)).messages);
    assert.equal(await logged(1), 3);
    const set = await post(at(2), { jsonrpc: '2.0', id: 'l', method: 'logging/setLevel', params: { level: 'error' } }, headers);
    assert.deepEqual(set.messages.at(-1)?.result, {});
    assert.equal(await logged(0), 0);
  });

  it('changes come by themselves, updates of a resource to those that subscribed', async () => {
    const { headers } = await hello(at(0));
    await using stream = await openStream(at(1), { headers });
    const request = (method: string) => post(at(2), { jsonrpc: '2.0', id: method, method, params: { uri: WATCHED } }, headers);
    const touched = async () => (await post(at(0), toolCall('t', 'test_touch_watched'), headers)).messages;
    const updates = (messages: readonly Message[]) => messages.filter(({ method }) => method === 'notifications/resources/updated').length;
    assert.equal(updates(await touched()), 0);
    assert.deepEqual((await request('resources/subscribe')).messages.at(-1)?.result, {});
    const later = await touched();
    if (updates(later) === 0) await stream.message('the update', ({ params }) => params?.['uri'] === WATCHED);
    assert.deepEqual((await request('resources/unsubscribe')).messages.at(-1)?.result, {});
    const changed = (await post(at(0), toolCall('c', 'test_trigger_tool_change'), headers)).messages;
    const is = ({ method }: Message) => method === 'notifications/tools/list_changed';
    const change = changed.find(is) ?? (await stream.message('the change', is));
    assert.equal(change.params?.['_meta'], undefined, 'no trace of a subscription');
  });

  it('cancellation names the request as the server knows it; a dropped stream cancels nothing', async () => {
    const { headers } = await hello(at(0, 'hostile'));
    const dropped = await openCall(at(0, 'hostile'), toolCall('d', 'sleep', { ms: 200, nonce: 'dropped' }), headers);
    await dropped.drop();
    await using call = await openCall(at(1, 'hostile'), toolCall('x', 'never', { nonce: 'cancelled' }), headers);
    const called = await ledger.next('the call', ({ nonce }) => nonce === 'cancelled');
    await post(at(2, 'hostile'), { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'x' } }, headers);
    const cancelled = await ledger.next(
      'its cancellation',
      ({ method, pid }) => method === 'notifications/cancelled' && pid === called.pid,
    );
    assert.equal(cancelled.requestId, called.id);
    await call.ended;
    assert.equal((await ledger.entries()).filter(({ method }) => method === 'notifications/cancelled').length, 1);
  });

  it('ids and tokens come back as they were, ping is answered, and DELETE ends the child', async () => {
    const { headers } = await hello(at(0, 'hostile'));
    for (const id of [0, '', '1', 1]) {
      const { messages } = await post(at(1, 'hostile'), toolCall(id, 'progress', { n: 2 }, { progressToken: id }), headers);
      assert.deepEqual(
        messages.map((message) => message.params?.['progressToken'] ?? message.id),
        [id, id, id],
      );
    }
    assert.deepEqual((await post(at(2, 'hostile'), { jsonrpc: '2.0', id: 'p', method: 'ping' }, headers)).messages.at(-1)?.result, {});
    const { pid } = JSON.parse(textOf((await post(at(0, 'hostile'), toolCall(2, 'pid'), headers)).messages.at(-1))!) as { pid: number };
    const died = life.died(pid, 8_000);
    assert.equal((await fetch(at(1, 'hostile'), { method: 'DELETE', headers })).status, 200);
    await died;
  });
});
