/**
 * Clients that leave at the wrong moment and children that keep to no rule: each ends in one answer or one
 * definite error, and leaves no session that nobody knows of.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertError } from '../harness/refusal.ts';
import { hello, openCall, openStream, post, textOf, toolCall } from '../harness/speak.ts';
import { within } from '../harness/within.ts';

/** The first outcome that satisfies `test`; rejections are passed over. */
function firstOf<T>(work: readonly Promise<T>[], test: (outcome: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    for (const one of work) {
      void one.then(
        (outcome) => (test(outcome) ? resolve(outcome) : undefined),
        () => undefined,
      );
    }
  });
}

describe('rough edges', () => {
  const stack = new AsyncDisposableStack();
  let life: Lifeline;
  let bridge: Causeway;
  let url: string;

  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    const servers = {
      hostile: hostile(life.env),
      slow: hostile({ ...life.env, STARTUP_MS: '700' }),
      refusing: hostile({ ...life.env, INIT_ERROR: '1' }),
    };
    bridge = stack.use(await openCauseway('run', { servers, args: ['--no-probe'] }));
    url = bridge.url('hostile');
  });
  after(() => stack.disposeAsync());

  const initialize = {
    jsonrpc: '2.0',
    id: 'first',
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
  };
  const born = (count: number) =>
    life.events.next('a child', ({ kind }) => kind === 'born' && life.events.items.filter((event) => event.kind === 'born').length > count);
  const births = () => life.events.items.filter(({ kind }) => kind === 'born').length;

  it('a client that leaves before its session is open leaves no child', async () => {
    const before = births();
    const abort = new AbortController();
    const leaving = fetch(bridge.url('slow'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify(initialize),
      signal: abort.signal,
    });
    const { pid } = await born(before);
    abort.abort();
    await assert.rejects(leaving);
    await life.died(pid, 8_000);
  });

  it('an SSE client that leaves before it says anything leaves no child', async () => {
    const before = births();
    const stream = await openStream(bridge.url('hostile', 'sse'));
    await stream.events.next('the endpoint', ({ event }) => event === 'endpoint');
    await stream.drop();
    const answer = await post(url, toolCall(1, 'echo'), { 'mcp-session-id': 'x'.repeat(64) });
    assert.equal(answer.status, 404);
    for (const { kind, pid } of life.events.items.slice())
      if (kind === 'born' && life.alive.has(pid) && births() > before) await life.died(pid, 5_000);
  });

  it('a server that refuses initialize is heard, and ends', async () => {
    const before = births();
    const answer = await post(bridge.url('refusing'), initialize);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.messages.at(-1), {
      jsonrpc: '2.0',
      id: 'first',
      error: { code: -32602, message: 'Unsupported protocol version', data: { supported: ['1999-01-01'] } },
    });
    const { pid } = await born(before);
    await life.died(pid, 8_000);
    const session = answer.headers.get('mcp-session-id');
    if (session !== null)
      assert.equal((await post(bridge.url('refusing'), toolCall(1, 'echo'), { 'mcp-session-id': session })).status, 404);
  });

  it('answers that come twice, and answers to nobody, reach nobody', async () => {
    const { headers } = await hello(url);
    await using stream = await openStream(url, { headers });
    const answer = await post(url, toolCall(1, 'twice', { text: 'once' }), headers);
    assert.deepEqual(
      answer.messages.map((message) => [message.id, textOf(message)]),
      [[1, 'once']],
    );
    assert.equal(textOf((await post(url, toolCall(2, 'echo', { text: 'on' }), headers)).messages.at(-1)), 'on');
    assert.deepEqual(
      stream.messages().filter(({ id }) => id !== undefined),
      [],
    );
  });

  it('progress after the answer, or for a token of nobody, reaches nobody', async () => {
    const { headers } = await hello(url);
    await using stream = await openStream(url, { headers });
    const answer = await post(url, toolCall(1, 'stray', {}, { progressToken: 'mine' }), headers);
    assert.equal(textOf(answer.messages.at(-1)), 'strayed');
    await post(url, toolCall(2, 'notify', {}), headers);
    await stream.message('a later notification', ({ method }) => method === 'notifications/tools/list_changed');
    const progress = [...answer.messages, ...stream.messages()].filter(
      ({ method, params }) => method === 'notifications/progress' && params?.['progressToken'] === 'mine',
    );
    assert.deepEqual(progress, []);
  });

  it('a child that closes stdout ends, and its calls in an error', async () => {
    const { headers } = await hello(url);
    const answer = await post(url, toolCall(1, 'mute'), headers);
    const error = answer.messages.at(-1)?.error;
    assert.equal(error?.code, -31502);
    assert.equal(error.data?.['executed'], 'unknown');
  });

  it('a child that reads no more: calls beyond what fits are refused, others are not held up', async () => {
    const [deaf, other] = [await hello(url), await hello(url)];
    assert.equal(textOf((await post(url, toolCall(1, 'deaf'), deaf.headers)).messages.at(-1)), 'deaf');
    const abort = new AbortController();
    const fill = 'f'.repeat(3 * 1024 * 1024);
    const calls = Array.from({ length: 16 }, (_, id) =>
      fetch(url, {
        method: 'POST',
        headers: { ...deaf.headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        body: JSON.stringify(toolCall(id + 10, 'echo', { text: fill })),
        signal: abort.signal,
      }).then(async (response) => (response.status === 200 ? '' : `${response.status} ${await response.text()}`)),
    );
    const refused = await within(
      10_000,
      'a refusal',
      firstOf(calls, (text) => text !== ''),
    );
    assert.match(refused, /^(429|503) /);
    assert.match(refused, /server\.busy|limit\.calls/);
    assert.equal(textOf((await post(url, toolCall(1, 'echo', { text: 'on' }), other.headers)).messages.at(-1)), 'on');
    abort.abort();
    await Promise.allSettled(calls);
    await fetch(url, { method: 'DELETE', headers: deaf.headers });
  });

  it('half a line and then the end is an error, not a wait', async () => {
    const { headers } = await hello(url);
    await using call = await openCall(url, toolCall('half', 'half'), headers);
    void post(url, toolCall('bang', 'crash', { code: 5, ms: 20 }), headers);
    assertError(await call.message('an error', ({ id }) => id === 'half'), -31502, 'server.exited', 'unknown');
  });

  it('a call may be resumed while its stream still stands: the newer one goes on, the older ends', async () => {
    const { headers } = await hello(url);
    await using first = await openCall(url, toolCall('long', 'progress', { n: 40, ms: 10 }, { progressToken: 1 }), headers);
    const event = await first.events.next('progress 5', ({ data }) => data.includes('"progress":5,'));
    await using second = await openStream(url, { headers: { ...headers, 'last-event-id': event.id! } });
    await second.message('the answer', ({ id }) => id === 'long');
    await first.ended;
    const steps = second.messages().flatMap(({ params }) => params?.['progress'] ?? []);
    assert.deepEqual(
      steps,
      Array.from({ length: 35 }, (_, at) => at + 6),
    );
    assert.deepEqual(
      first.messages().filter(({ id }) => id === 'long'),
      [],
    );
  });

  it('60 sessions opened at once are all served, or refused with Retry-After', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => post(url, initialize, {}, 30_000)));
    const served = answers.filter(({ status }) => status === 200);
    assert.ok(served.length >= 32, `${served.length} served`);
    for (const { status, headers } of answers)
      if (status !== 200) assert.ok(status === 503 && headers.get('retry-after') !== null, `${status}`);
    await Promise.all(
      served.map(({ headers }) => fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': headers.get('mcp-session-id')! } })),
    );
  });

  it('requests sent one behind the other on one connection are answered in turn', async () => {
    const { headers } = await hello(url);
    const request = (id: number) => {
      const body = JSON.stringify(toolCall(id, 'echo', { text: `pipelined-${id}` }));
      const lines = [
        'POST /servers/hostile/mcp HTTP/1.1',
        'Host: localhost',
        'Content-Type: application/json',
        'Accept: application/json, text/event-stream',
      ];
      return [
        ...lines,
        ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n');
    };
    const socket = connect(bridge.port, '127.0.0.1');
    let text = '';
    const all = new Promise<void>((resolve) =>
      socket.setEncoding('utf8').on('data', (part: string) => ((text += part), text.includes('pipelined-3') && resolve())),
    );
    socket.write([1, 2, 3].map(request).join(''));
    await within(5_000, 'three answers', all);
    socket.destroy();
    assert.deepEqual(text.match(/pipelined-\d/g), ['pipelined-1', 'pipelined-2', 'pipelined-3']);
  });
});
