/**
 * Places and time: sessions that a worker holds, sessions that nobody uses, calls that take too long, and the
 * probes that say how it goes.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertError, assertRefused } from '../harness/refusal.ts';
import { hello, openCall, openStream, post, textOf, toolCall, type Headers, type Hello } from '../harness/speak.ts';

describe('limits', () => {
  const stack = new AsyncDisposableStack();
  let life: Lifeline;
  let bridge: Causeway;

  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    bridge = stack.use(
      await openCauseway('run', {
        servers: {
          hostile: hostile(life.env),
          brief: hostile(life.env, { idle: '1s' }),
          hasty: hostile(life.env, { requestTimeout: '1s' }),
        },
        config: { worker: { capacity: 4 } },
        // The probe of `run` would hold places while it lasts.
        args: ['--no-probe'],
      }),
    );
  });
  after(() => stack.disposeAsync());

  const remove = (url: string, headers: Headers) => fetch(url, { method: 'DELETE', headers });
  const pidOf = async (url: string, headers: Headers): Promise<number> =>
    (JSON.parse(textOf((await post(url, toolCall('pid', 'pid'), headers)).messages.at(-1))!) as { pid: number }).pid;
  const initialize = {
    jsonrpc: '2.0',
    id: 'one-more',
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
  };

  it('as many sessions as there are places; one more is refused with Retry-After; one less makes room', async () => {
    const url = bridge.url('hostile');
    const sessions: Hello[] = [];
    while (sessions.length < 4) sessions.push(await hello(url));
    const refused = await post(url, initialize);
    const error = assertRefused(refused, { status: 503, code: -31503, reason: 'limit.worker' });
    assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    assert.equal(error.data?.['retryable'], true);
    assert.equal(refused.messages[0]?.id, 'one-more');
    await life.holders(4);
    assert.equal(life.alive.size, 4);
    const first = sessions.shift()!;
    const died = life.died(await pidOf(url, first.headers), 5_000);
    await remove(url, first.headers);
    await died;
    sessions.push(await hello(url));
    await Promise.all(sessions.map(({ headers }) => remove(url, headers)));
    await life.none(2_000);
  });

  it('a session that nobody uses ends; an open stream or a call in flight is use', async () => {
    const url = bridge.url('brief');
    // Each is in use before the next child is started, which may take longer than the idle time.
    const streaming = await hello(url);
    const stream = await openStream(url, { headers: streaming.headers });
    const calling = await hello(url);
    const call = await openCall(url, toolCall('long', 'never'), calling.headers);
    const pids = [await pidOf(url, streaming.headers), await pidOf(url, calling.headers)] as const;
    const idle = await hello(url);
    await life.died(await pidOf(url, idle.headers), 8_000);
    assertRefused(await post(url, toolCall(1, 'echo'), idle.headers), { status: 404, code: -32001, reason: 'request.session_unknown' });
    // A second idle session ends later than the first: the others have then been kept for two idle times.
    const later = await hello(url);
    await life.died(await pidOf(url, later.headers), 8_000);
    assert.ok(life.alive.has(pids[0]), 'an open stream is use');
    assert.ok(life.alive.has(pids[1]), 'a call in flight is use');
    await stream.drop();
    await post(url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'long' } }, calling.headers);
    await call.ended;
    await life.none(8_000);
  });

  it('a call that takes too long ends in an error, and the child is told', async () => {
    const url = bridge.url('hasty');
    const { headers } = await hello(url);
    const answer = await post(url, toolCall('slow', 'never'), headers);
    assertError(
      answer.messages.find(({ id }) => id === 'slow'),
      -31504,
      'server.deadline',
      'unknown',
    );
    assert.equal(textOf((await post(url, toolCall('next', 'echo', { text: 'on' }), headers)).messages.at(-1)), 'on');
    await remove(url, headers);
  });

  it('probes answer on the main port, without detail, and nothing is started for them', async () => {
    const births = () => life.events.items.filter(({ kind }) => kind === 'born').length;
    const before = births();
    for (const path of ['/livez', '/readyz', '/healthz']) {
      const response = await fetch(bridge.base + path);
      assert.equal(response.status, 200, path);
      assert.doesNotMatch(await response.text(), /hostile|\/work|node/);
    }
    assert.equal(births(), before);
  });
});
