/**
 * How answers travel over Streamable HTTP: as JSON or as an event stream, with which events and headers in
 * which revision, and with the client's id and the server's bytes exactly as they were.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, openStream, post, textOf, toolCall, type Hello } from '../harness/speak.ts';

const REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25'] as const;

describe('answers', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let url: string;
  const sessions = new Map<string, Hello>();

  before(async () => {
    bridge = stack.use(
      await openCauseway('run', { servers: { hostile: hostile(), early: hostile({ EARLY: '3' }), roots: hostile({ ROOTS_ID_0: '1' }) } }),
    );
    url = bridge.url('hostile');
    for (const revision of REVISIONS) sessions.set(revision, await hello(url, revision));
  });
  after(() => stack.disposeAsync());

  for (const revision of REVISIONS) {
    it(`${revision}: the server's choice of revision comes back unchanged`, () => {
      assert.equal(sessions.get(revision)!.revision, revision);
    });

    it(`${revision}: a call with notifications is a stream: theirs first, the answer last, then the end`, async () => {
      const { headers } = sessions.get(revision)!;
      const answer = await post(url, toolCall('p', 'progress', { n: 5, tag: 'x' }, { progressToken: 'mine' }), headers);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/);
      assert.equal(answer.headers.get('x-accel-buffering'), 'no');
      assert.match(answer.headers.get('cache-control') ?? '', /no-store|no-cache/);
      assert.deepEqual(
        answer.messages.slice(0, -1).map(({ method, params }) => [method, params?.['progressToken'], params?.['progress']]),
        [1, 2, 3, 4, 5].map((n) => ['notifications/progress', 'mine', n]),
      );
      assert.equal(answer.messages.at(-1)?.id, 'p');
      assert.equal(textOf(answer.messages.at(-1)), 'done 5');
    });

    it(`${revision}: events of a stream have ids, each another; empty data only where the revision has it`, async () => {
      const { headers } = sessions.get(revision)!;
      const { events } = await post(url, toolCall('q', 'progress', { n: 3 }, { progressToken: 7 }), headers);
      const priming = events.filter(({ data }) => data === '');
      if (revision === '2025-11-25') {
        assert.equal(priming.length, 1);
        assert.equal(events[0], priming[0], 'the priming event is the first');
        assert.ok(priming[0]?.id);
        assert.match(priming[0]?.retry ?? '', /^\d+$/);
      } else {
        assert.deepEqual(priming, []);
      }
      const ids = events.map(({ id }) => id).filter((id) => id !== undefined);
      assert.equal(new Set(ids).size, ids.length);
      assert.ok(
        events.filter(({ data }) => data !== '').every(({ id }) => id !== undefined),
        'every message can be resumed from',
      );
    });

    it(`${revision}: a standalone stream begins at once`, async () => {
      const { headers } = sessions.get(revision)!;
      await using stream = await openStream(url, { headers });
      assert.equal(stream.status, 200);
      if (revision === '2025-11-25')
        await stream.events.next('the priming event', ({ id, data, retry }) => id !== undefined && data === '' && retry !== undefined);
      await post(url, toolCall(1, 'notify', { method: 'notifications/prompts/list_changed', ms: 10 }), headers);
      await stream.message('an unrelated notification', ({ method }) => method === 'notifications/prompts/list_changed');
    });
  }

  it('notifications and answers to nothing are accepted with 202 and no body', async () => {
    const { headers } = sessions.get('2025-11-25')!;
    for (const body of [
      { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
      { jsonrpc: '2.0', id: 'never-asked', result: {} },
      { jsonrpc: '2.0', id: 'never-asked', error: { code: -1, message: 'no' } },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'never-sent' } },
    ]) {
      const answer = await post(url, body, headers);
      assert.equal(answer.status, 202, answer.text);
      assert.equal(answer.text, '');
    }
  });

  it('an error of the server passes unchanged, data included', async () => {
    const { headers } = sessions.get('2025-11-25')!;
    const answer = await post(url, { jsonrpc: '2.0', id: 3, method: 'no/such', params: { deep: { n: 1 } } }, headers);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.messages.at(-1), {
      jsonrpc: '2.0',
      id: 3,
      error: { code: -32601, message: 'Method not found: no/such', data: { params: { deep: { n: 1 } } } },
    });
  });

  // Written as they would stand in the body.
  for (const id of [
    '0',
    '1',
    '-1',
    '""',
    '"1"',
    '"0"',
    '9007199254740993',
    '"\\u0041\\n"',
    '"\u2028é🌉"',
    `"${'i'.repeat(3_000)}"`,
    '"__proto__"',
    '"constructor"',
  ]) {
    it(`the id ${id.slice(0, 40)} comes back byte for byte`, async () => {
      const { headers } = sessions.get('2025-11-25')!;
      const answer = await post(
        url,
        `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}}`,
        headers,
      );
      assert.equal(answer.status, 200, answer.text.slice(0, 300));
      assert.match(answer.text, /"text":"x"/);
      assert.ok(answer.text.includes(`"id":${id}`), answer.text.slice(0, 500));
    });
  }

  it('numbers that JavaScript cannot hold pass unchanged in both directions', async () => {
    const { headers } = sessions.get('2025-11-25')!;
    const result = '{"content":[],"structuredContent":{"big":9007199254740993,"tiny":1e400,"minus":-0,"exact":1.10}}';
    const answer = await post(url, toolCall(5, 'verbatim', { result }), headers);
    assert.ok(answer.text.includes(result), answer.text);
  });

  it('a carriage return between tokens of the child does not split an event', async () => {
    const { headers } = sessions.get('2025-11-25')!;
    const answer = await post(url, toolCall(6, 'carriage'), headers);
    assert.deepEqual(answer.messages.at(-1), {
      jsonrpc: '2.0',
      id: 6,
      result: { content: [{ type: 'text', text: 'after \u2028 a return' }] },
    });
  });

  it('noise of the child on stdout reaches nobody, and the log says so', async () => {
    const { headers } = sessions.get('2025-11-25')!;
    const answer = await post(url, toolCall(7, 'noise'), headers);
    assert.equal(textOf(answer.messages.at(-1)), 'noisy');
    assert.equal(answer.messages.length, 1);
    await bridge.logs.next(
      'a warning about noise',
      ({ level, msg }) => level === 'warn' && msg === 'child wrote a line that is not json-rpc',
    );
  });

  it('what a child says before it answers initialize arrives', async () => {
    const early = bridge.url('early');
    const { headers } = await hello(early);
    await using stream = await openStream(early, { headers });
    await stream.message('the third early notification', ({ params }) => params?.['data'] === 'early 3');
    assert.deepEqual(
      stream.messages().flatMap(({ params }) => params?.['data'] ?? []),
      ['early 1', 'early 2', 'early 3'],
    );
  });

  it('a question of the child with id 0 is asked and its answer arrives', async () => {
    const roots = bridge.url('roots');
    const { headers } = await hello(roots);
    await using stream = await openStream(roots, { headers });
    const question = await stream.message('roots/list', ({ method }) => method === 'roots/list');
    assert.ok(question.id !== undefined);
    const answer = await post(roots, { jsonrpc: '2.0', id: question.id, result: { roots: [] } }, headers);
    assert.equal(answer.status, 202);
    assert.equal(textOf((await post(roots, toolCall(1, 'echo', { text: 'alive' }), headers)).messages.at(-1)), 'alive');
  });
});
