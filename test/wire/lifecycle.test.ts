/**
 * Beginnings and ends over Streamable HTTP: cancellation, dropped streams, replay, DELETE, slow and failing
 * starts, and a child that ends in the middle of calls. Times are measured from the test's side.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertError, assertRefused } from '../harness/refusal.ts';
import { hello, openCall, openStream, post, textOf, toolCall, type Headers } from '../harness/speak.ts';
import { quickest, timed } from '../harness/within.ts';

describe('life of a session', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let life: Lifeline;
  let bridge: Causeway;
  let url: string;

  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    const env = { ...ledger.env, ...life.env };
    bridge = stack.use(
      await openCauseway('run', {
        servers: {
          hostile: hostile(env),
          stubborn: hostile({ ...env, IGNORE_TERM: '1' }),
          slow: hostile({ STARTUP_MS: '1500' }),
          silent: hostile({ ...life.env, SILENT: '1' }, { startTimeout: '1s' }),
          telling: { command: '/bin/sh', args: ['-c', 'echo no licence here >&2; exec sleep 60'], startTimeout: '1s' },
          failing: hostile({ ...ledger.env, CRASH_AT_START: '3' }),
          missing: { command: '/nonexistent/secret-path/server' },
        },
        config: { limits: { callsPerSession: 128 } },
      }),
    );
    url = bridge.url('hostile');
  });
  after(() => stack.disposeAsync());

  const remove = (target: string, headers: Headers) => fetch(target, { method: 'DELETE', headers });
  const pidOf = async (target: string, headers: Headers): Promise<number> =>
    (JSON.parse(textOf((await post(target, toolCall('pid', 'pid'), headers)).messages.at(-1))!) as { pid: number }).pid;
  const seen = async (nonce: string) => (await ledger.entries()).find((entry) => entry.nonce === nonce);

  it('a cancellation ends the stream of the call without an answer, and the child learns of it', async () => {
    const { headers } = await hello(url);
    await using call = await openCall(url, toolCall('to-cancel', 'never', { nonce: 'cancelled' }), headers);
    const cancelled = await post(
      url,
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'to-cancel', reason: 'enough' } },
      headers,
    );
    assert.equal(cancelled.status, 202);
    const { ms } = await timed(() => call.ended);
    assert.ok(ms < 1_000, `${ms} ms`);
    assert.deepEqual(
      call.messages().filter(({ id }) => id !== undefined),
      [],
    );
    await pidOf(url, headers);
    const entry = await seen('cancelled');
    const cancellation = (await ledger.entries()).find(({ pid, method }) => pid === entry?.pid && method === 'notifications/cancelled');
    assert.deepEqual(cancellation?.requestId, entry?.id, 'in the id that the child knows');
  });

  it('a cancellation of one session leaves a call of the same id in another', async () => {
    const [one, two] = [await hello(url), await hello(url)];
    await using first = await openCall(url, toolCall(1, 'sleep', { ms: 400, text: 'finished' }), one.headers);
    await using second = await openCall(url, toolCall(1, 'sleep', { ms: 400, text: 'finished' }), two.headers);
    await post(url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }, two.headers);
    assert.equal(textOf(await first.message('the answer', ({ id }) => id === 1)), 'finished');
    await second.ended;
    assert.deepEqual(
      second.messages().filter(({ id }) => id !== undefined),
      [],
    );
  });

  it('a dropped stream cancels nothing; the rest comes by GET with Last-Event-ID, once and in order', async () => {
    const { headers } = await hello(url);
    const call = await openCall(url, toolCall('long', 'progress', { n: 60, ms: 5, nonce: 'dropped' }, { progressToken: 'p' }), headers);
    const seventh = await call.events.next('progress 7', ({ data }) => data.includes('"progress":7,'));
    await call.drop();
    await using rest = await openStream(url, { headers: { ...headers, 'last-event-id': seventh.id! } });
    await rest.message('the answer', ({ id }) => id === 'long');
    const steps = rest.messages().flatMap(({ params }) => params?.['progress'] ?? []);
    assert.deepEqual(
      steps,
      Array.from({ length: 53 }, (_, at) => at + 8),
    );
    await rest.ended;
    const entry = await seen('dropped');
    assert.ok(!(await ledger.entries()).some(({ pid, method }) => pid === entry?.pid && method === 'notifications/cancelled'));
  });

  it('a call dropped right after its priming event is answered to whoever resumes', async () => {
    const { headers } = await hello(url);
    const call = await openCall(url, toolCall('late', 'sleep', { ms: 200, text: 'for the later one' }), headers);
    const priming = await call.events.next('the priming event', ({ id }) => id !== undefined);
    await call.drop();
    await using rest = await openStream(url, { headers: { ...headers, 'last-event-id': priming.id! } });
    assert.equal(textOf(await rest.message('the answer', ({ id }) => id === 'late')), 'for the later one');
  });

  it('a stream can be replayed again from any of its events after it is complete', async () => {
    const { headers } = await hello(url);
    const { events } = await post(url, toolCall('whole', 'progress', { n: 9 }, { progressToken: 'p' }), headers);
    for (const [at, { id }] of events.slice(0, -1).entries()) {
      await using rest = await openStream(url, { headers: { ...headers, 'last-event-id': id! } });
      await rest.ended;
      assert.deepEqual(
        rest.events.items.filter(({ data }) => data !== '').map(({ id, data }) => ({ id, data })),
        events.slice(at + 1).map(({ id, data }) => ({ id, data })),
      );
    }
  });

  it('an event id of one session replays nothing in another', async () => {
    const [one, two] = [await hello(url), await hello(url)];
    const { events } = await post(url, toolCall(1, 'progress', { n: 3 }, { progressToken: 'p' }), one.headers);
    const response = await fetch(url, { headers: { ...two.headers, accept: 'text/event-stream', 'last-event-id': events[0]!.id! } });
    const text = response.status === 200 ? '' : await response.text();
    await response.body?.cancel().catch(() => undefined);
    assert.equal(response.status, 400, text);
  });

  it('what is said while nobody listens waits for the next standalone stream', async () => {
    const { headers } = await hello(url);
    await post(url, toolCall(1, 'notify', { method: 'notifications/message', params: { level: 'info', data: 'kept' } }), headers);
    await using stream = await openStream(url, { headers });
    await stream.message('the kept notification', ({ params }) => params?.['data'] === 'kept');
  });

  it('DELETE ends a willing child within 100 ms, and a stubborn one within 6 s', async () => {
    for (const [server, limit] of [
      ['hostile', 100],
      ['stubborn', 6_000],
    ] as const) {
      const target = bridge.url(server);
      const ms = await quickest(limit, async () => {
        const { headers } = await hello(target);
        const died = life.died(await pidOf(target, headers), 8_000);
        const began = performance.now();
        assert.equal((await remove(target, headers)).status, 200);
        return (await died).at - began;
      });
      assert.ok(ms < limit, `${server}: ${Math.round(ms)} ms`);
    }
  });

  it('DELETE answers the calls in flight and ends the standalone stream', async () => {
    const { headers } = await hello(url);
    await using stream = await openStream(url, { headers });
    await using call = await openCall(url, toolCall('cut', 'never'), headers);
    await remove(url, headers);
    assertError(await call.message('an error', ({ id }) => id === 'cut'), -31502, 'session.ended', 'unknown');
    await call.ended;
    await stream.ended;
  });

  it('grandchildren end with the session', async () => {
    const { headers } = await hello(url);
    const pid = Number(textOf((await post(url, toolCall(1, 'grandchild'), headers)).messages.at(-1)));
    await life.events.next('the grandchild', (event) => event.kind === 'born' && event.pid === pid);
    const died = life.died(pid, 8_000);
    await remove(url, headers);
    await died;
  });

  it('a child that exits in the middle: 100 calls are answered within 500 ms, with its code and last words', async () => {
    const { headers } = await hello(url);
    const calls = await Promise.all(Array.from({ length: 100 }, (_, id) => openCall(url, toolCall(id, 'never'), headers)));
    const pid = await pidOf(url, headers);
    const died = life.died(pid, 8_000);
    void post(url, toolCall('bang', 'crash', { code: 42, stderr: 'fatal: the disk is on fire' }), headers);
    const answers = await Promise.all(calls.map((call, at) => call.message(`an error for ${at}`, ({ id }) => id === at)));
    const ms = performance.now() - (await died).at;
    assert.ok(ms < 500, `${Math.round(ms)} ms`);
    const error = assertError(answers[0], -31502, 'server.exited', 'unknown');
    assert.equal(error.data?.['exitCode'], 42);
    assert.match(JSON.stringify(error.data), /the disk is on fire/);
    for (const call of calls) await call.ended;
    assertRefused(await post(url, toolCall('after', 'echo'), headers), { status: 404, code: -32001, reason: 'request.session_unknown' });
    await hello(url);
  });

  it('a child killed by a signal is reported with it', async () => {
    const { headers } = await hello(url);
    const pid = await pidOf(url, headers);
    await using call = await openCall(url, toolCall('killed', 'never'), headers);
    process.kill(pid, 'SIGKILL');
    const error = assertError(await call.message('an error', ({ id }) => id === 'killed'), -31502, 'server.exited', 'unknown');
    assert.equal(error.data?.['signal'], 'SIGKILL');
  });

  const initialize = {
    jsonrpc: '2.0',
    id: 'first',
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
  };

  it('a slow start is waited for', async () => {
    const { result } = await hello(bridge.url('slow'));
    assert.equal((result['serverInfo'] as { name: string }).name, 'hostile');
  });

  it('a child that never answers initialize is given up at its deadline, and ends', async () => {
    const answer = await post(bridge.url('silent'), initialize);
    // A stream may have begun before the deadline: then the error is its last event.
    if (answer.status === 200) assertError(answer.messages.at(-1), -31521, 'server.start_timeout', 'no');
    else assertRefused(answer, { status: 504, code: -31521, reason: 'server.start_timeout' });
    assert.equal(answer.headers.get('mcp-session-id'), null);
  });

  it('a start that takes too long is told with the last words of the server', async () => {
    const answer = await post(bridge.url('telling'), initialize);
    assert.deepEqual(answer.messages.at(-1)?.error?.data?.['stderr'], ['no licence here'], answer.text);
  });

  it('a command that does not exist is refused without naming it', async () => {
    const answer = await post(bridge.url('missing'), initialize);
    assertRefused(answer, { status: 503, code: -31520, reason: 'server.start_failed' });
    assert.doesNotMatch(answer.text, /secret-path/);
  });

  it('a crash loop is broken: 30 attempts start the child at most 6 times', async () => {
    const starts = async () => (await ledger.entries()).filter(({ method }) => method === 'START').length;
    const before = await starts();
    const reasons = new Set<unknown>();
    for (let attempt = 0; attempt < 30; attempt++) {
      const answer = await post(bridge.url('failing'), initialize);
      assert.equal(answer.status, 503, answer.text);
      const reason = answer.messages[0]?.error?.data?.['reason'];
      reasons.add(reason);
      if (reason === 'server.crash_loop') assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
    }
    assert.deepEqual(reasons, new Set(['server.start_failed', 'server.crash_loop']));
    const spawned = (await starts()) - before;
    assert.ok(spawned <= 6, `${spawned} starts`);
    await hello(url);
  });
});
