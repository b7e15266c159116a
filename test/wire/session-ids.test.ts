/**
 * Isolation by ids on one bridge: session ids that are no ids, ids of other sessions and servers, and JSON-RPC
 * ids that are equal while they are in flight.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { assertOwn, canary } from '../harness/canary.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { POST_HEADERS, rawRequest } from '../harness/raw.ts';
import { assertNothingInside } from '../harness/refusal.ts';
import { hello, post, textOf, toolCall, type Hello } from '../harness/speak.ts';
import { timed } from '../harness/within.ts';

describe('session ids', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let bridge: Causeway;
  let url: string;
  let open: Hello;

  before(async () => {
    bridge = stack.use(await openCauseway('run', { servers: { hostile: hostile(ledger.env), other: hostile(ledger.env) } }));
    url = bridge.url('hostile');
    open = await hello(url);
  });
  after(() => stack.disposeAsync());

  const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const strange = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '.',
    '..',
    '../../etc/passwd',
    '*',
    '>',
    '$SYS.>',
    'a.b.c',
    '%00',
    '%0d%0a',
    "' or 1=1",
    'i'.repeat(3_000),
    '0',
    'null',
    'undefined',
    '\xff\xfe',
  ];

  for (const id of strange) {
    for (const method of ['POST', 'GET', 'DELETE']) {
      it(`${method} with the session id ${JSON.stringify(id.slice(0, 30))} is unknown, at once`, async () => {
        const headers = [...POST_HEADERS, ['Mcp-Session-Id', id]] as const;
        const { ms, value } = await timed(() =>
          rawRequest(bridge.port, { method, path: '/servers/hostile/mcp', headers, body: method === 'POST' ? list : '' }),
        );
        assert.ok([400, 404].includes(value.status), `${value.status} ${value.text}`);
        assertNothingInside(value.text);
        assert.ok(ms < 2_000, `${ms} ms`);
      });
    }
  }

  it('an id changed in any one place is unknown', async () => {
    for (let at = 0; at < open.session.length; at += 7) {
      const changed = open.session.slice(0, at) + (open.session[at] === 'A' ? 'B' : 'A') + open.session.slice(at + 1);
      const answer = await post(url, list, { ...open.headers, 'mcp-session-id': changed });
      assert.equal(answer.status, 404, `place ${at}: ${answer.text}`);
    }
  });

  it('an id with blanks around it is the id; with anything else it is not', async () => {
    const send = (id: string) =>
      rawRequest(bridge.port, { path: '/servers/hostile/mcp', headers: [...POST_HEADERS, ['Mcp-Session-Id', id]], body: list });
    assert.equal((await send(` ${open.session}\t`)).status, 200);
    for (const id of [
      `${open.session}x`,
      `${open.session} x`,
      `"${open.session}"`,
      open.session.toLowerCase(),
      open.session.slice(0, -1),
    ]) {
      assert.equal((await send(id)).status, 404, id);
    }
  });

  it('an id of one server is unknown at another', async () => {
    for (const method of ['POST', 'DELETE', 'GET']) {
      const response = await fetch(bridge.url('other'), {
        method,
        headers: { ...open.headers, accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
        ...(method === 'POST' ? { body: list } : {}),
      });
      assert.equal(response.status, 404);
      await response.body?.cancel();
    }
    assert.equal((await post(url, list, open.headers)).status, 200);
  });

  it('a stale id on initialize opens a new session', async () => {
    const { session } = await hello(url, '2025-11-25', { 'mcp-session-id': '1'.padEnd(64, 'y') }).catch((error: Error) => ({
      session: error.message,
    }));
    assert.match(session, /^[\x21-\x7e]{32,}$/);
  });

  it('1,000 pairs of calls with equal ids in flight each get their own answer', async () => {
    const { headers } = await hello(url);
    const ids = [0, 1, '', '1', 'same', -1];
    let at = 0;
    const worker = async () => {
      while (at < 1_000) {
        const id = ids[at % ids.length];
        const marks = [canary(`first-${at}`), canary(`second-${at}`)];
        at += 1;
        // The first sleeps while the second overtakes it.
        const answers = await Promise.all(
          marks.map((text, nth) => post(url, toolCall(id, 'sleep', { ms: nth === 0 ? 3 : 0, text }), headers)),
        );
        for (const [nth, answer] of answers.entries()) {
          assert.equal(answer.status, 200);
          assert.equal(answer.messages.length, 1);
          assert.strictEqual(answer.messages[0]!.id, id);
          assert.equal(textOf(answer.messages[0]), marks[nth]);
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
  });

  it('sessions share ids, tokens and nothing else', async () => {
    const sessions = await Promise.all(Array.from({ length: 8 }, () => hello(url)));
    await Promise.all(
      sessions.map(async ({ headers }, at) => {
        const owner = `session-${at}`;
        for (let round = 1; round <= 10; round++) {
          const mark = canary(owner);
          const answer = await post(url, toolCall(1, 'progress', { n: 5, tag: mark }, { progressToken: 1 }), headers);
          assertOwn(owner, answer.text);
          assert.equal(answer.messages.filter(({ params }) => params?.['message'] === mark).length, 5);
          const counted = await post(url, toolCall(1, 'count'), headers);
          assert.equal(textOf(counted.messages.at(-1)), String(round), "state is the session's own");
        }
      }),
    );
  });

  it('every child got what its session sent, once', async () => {
    const entries = await ledger.entries();
    const ids = entries
      .filter(({ id, method }) => id !== undefined && method !== undefined)
      .map(({ pid, id }) => `${pid} ${JSON.stringify(id)}`);
    assert.equal(new Set(ids).size, ids.length, 'no child saw an id twice');
  });
});
