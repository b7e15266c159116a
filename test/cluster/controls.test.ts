/**
 * What is said about a session at one edge and takes effect at another: cancellation, take-over of a call,
 * DELETE, a client that leaves while its session opens.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { hostile } from '../harness/processes.ts';
import { assertError, assertRefused } from '../harness/refusal.ts';
import { hello, openCall, openStream, post, textOf, toolCall, type Headers } from '../harness/speak.ts';
import { quickest } from '../harness/within.ts';

describe('controls at another edge', () => {
  const stack = new AsyncDisposableStack();
  let life: Lifeline;
  let cluster: BridgeCluster;
  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    cluster = stack.use(
      await openBridgeCluster({ servers: { hostile: hostile(life.env), slow: hostile({ ...life.env, STARTUP_MS: '700' }) } }),
    );
  });
  after(() => stack.disposeAsync());

  const at = (edge: number) => cluster.url('hostile', edge);
  const pidOf = async (headers: Headers): Promise<number> =>
    (JSON.parse(textOf((await post(at(0), toolCall('pid', 'pid'), headers)).messages.at(-1))!) as { pid: number }).pid;

  it('a cancellation ends the stream of the call at its edge, without an answer', async () => {
    const { headers } = await hello(at(0));
    await using call = await openCall(at(1), toolCall('c', 'never'), headers);
    const cancelled = await post(at(2), { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } }, headers);
    assert.equal(cancelled.status, 202);
    await call.ended;
    assert.deepEqual(
      call.messages().filter(({ id }) => id !== undefined),
      [],
    );
  });

  it('a cancellation names a call by id and type: "1" leaves 1 alone', async () => {
    const { headers } = await hello(at(0));
    await using call = await openCall(at(1), toolCall(1, 'sleep', { ms: 300, text: 'left alone' }), headers);
    await post(at(2), { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: '1' } }, headers);
    assert.equal(textOf(await call.message('the answer', ({ id }) => id === 1)), 'left alone');
  });

  it('a call resumed at another edge while its stream stands: the newer goes on, the older ends, nothing twice', async () => {
    const { headers } = await hello(at(0));
    await using first = await openCall(at(0), toolCall('long', 'progress', { n: 60, ms: 8 }, { progressToken: 1 }), headers);
    const event = await first.events.next('progress 10', ({ data }) => data.includes('"progress":10,'));
    await using second = await openStream(at(1), { headers: { ...headers, 'last-event-id': event.id! } });
    await second.message('the answer', ({ id }) => id === 'long');
    await first.ended;
    const steps = second.messages().flatMap(({ params }) => params?.['progress'] ?? []);
    assert.deepEqual(
      steps,
      Array.from({ length: 50 }, (_, nth) => nth + 11),
    );
    assert.ok(!first.messages().some(({ id }) => id === 'long'));
  });

  it('DELETE at one edge: calls at another are answered, streams at a third end, the child dies within 100 ms', async () => {
    const { headers } = await hello(at(0));
    await using call = await openCall(at(1), toolCall('cut', 'never'), headers);
    await using stream = await openStream(at(2), { headers });
    let mine: Headers | undefined = headers;
    const ms = await quickest(100, async () => {
      const next = mine ?? (await hello(at(0))).headers;
      mine = undefined;
      return deleted(next);
    });
    assert.ok(ms < 100, `${Math.round(ms)} ms`);
    assertError(await call.message('an error', ({ id }) => id === 'cut'), -31502, 'session.ended', 'unknown');
    await Promise.all([call.ended, stream.ended]);
    for (const edge of [0, 1, 2]) {
      assertRefused(await post(at(edge), toolCall(1, 'echo'), headers), { status: 404, code: -32001, reason: 'request.session_unknown' });
    }
  });

  /** Milliseconds from a DELETE to the death of the child. */
  async function deleted(headers: Headers): Promise<number> {
    const died = life.died(await pidOf(headers), 8_000);
    const began = performance.now();
    assert.equal((await fetch(at(0), { method: 'DELETE', headers })).status, 200);
    return (await died).at - began;
  }

  it('DELETE at all edges at once ends the session once', async () => {
    const { headers } = await hello(at(0));
    const statuses = await Promise.all([0, 1, 2].map(async (edge) => (await fetch(at(edge), { method: 'DELETE', headers })).status));
    assert.ok(
      statuses.every((status) => status === 200 || status === 404),
      statuses.join(),
    );
    assert.ok(statuses.includes(200));
  });

  it('a client that leaves before its session is open leaves no child', async () => {
    const births = () => life.events.items.filter(({ kind }) => kind === 'born').length;
    const before = births();
    const abort = new AbortController();
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
    const leaving = fetch(cluster.url('slow', 1), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
      signal: abort.signal,
    });
    const { pid } = await life.events.next('a child', ({ kind }) => kind === 'born' && births() > before);
    abort.abort();
    await assert.rejects(leaving);
    await life.died(pid, 8_000);
  });

  it('the exit of a child answers the calls at every edge within 500 ms', async () => {
    const { headers } = await hello(at(0));
    const pid = await pidOf(headers);
    const calls = await Promise.all(Array.from({ length: 30 }, (_, id) => openCall(at(id), toolCall(id, 'never'), headers)));
    const died = life.died(pid, 8_000);
    process.kill(pid, 'SIGKILL');
    const answers = await Promise.all(calls.map((call, nth) => call.message(`an error for ${nth}`, ({ id }) => id === nth)));
    const ms = performance.now() - (await died).at;
    assert.ok(ms < 500, `${Math.round(ms)} ms`);
    for (const answer of answers) assertError(answer, -31502, 'server.exited', 'unknown');
    await Promise.all(calls.map((call) => call.ended));
  });
});
