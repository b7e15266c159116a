/**
 * Who may do what: keys, sessions bound to the key that opened them, and what of a client's or the operator's
 * secrets reaches a child, an answer or the log (nothing).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { canary } from '../harness/canary.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { assertRefused } from '../harness/refusal.ts';
import { hello, openStream, post, textOf, toolCall, type Hello } from '../harness/speak.ts';

describe('identity', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  const [keyA, keyB, secret] = [canary('key-a'), canary('key-b'), canary('operator')];
  let bridge: Causeway;
  let url: string;
  let alice: Hello;

  before(async () => {
    bridge = stack.use(
      await openCauseway('run', {
        servers: { hostile: hostile({ ...ledger.env, GIVEN: 'yes' }), listed: hostile({}, { passEnvironment: ['OPERATOR_LISTED'] }) },
        config: {
          auth: {
            apiKeys: [
              { id: 'a', key: keyA },
              { id: 'b', key: keyB },
            ],
          },
        },
        env: { OPERATOR_SECRET: secret, OPERATOR_LISTED: 'listed' },
      }),
    );
    url = bridge.url('hostile');
    alice = await hello(url, '2025-11-25', { authorization: `Bearer ${keyA}` });
  });
  after(() => stack.disposeAsync());

  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

  for (const [name, headers] of [
    ['no key', {}],
    ['an unknown key', { authorization: 'Bearer nonsense' }],
    ['a key of another scheme', { authorization: `Basic ${keyA}` }],
    ['a part of a key', { authorization: `Bearer ${keyA.slice(0, -1)}` }],
    ['an empty key', { authorization: 'Bearer ' }],
  ] as const) {
    it(`${name} answers 401, session or not`, async () => {
      for (const session of [{}, { 'mcp-session-id': alice.session }]) {
        const answer = await post(url, list, { ...headers, ...session });
        assertRefused(answer, { status: 401, code: -32000, reason: 'request.unauthorized' });
        assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
      }
    });
  }

  it('which servers there are is told to those who have a key; probes are answered', async () => {
    const { origin } = new URL(url);
    const [bare, keyed, probe] = await Promise.all([
      fetch(origin),
      fetch(origin, { headers: { 'x-api-key': keyB } }),
      fetch(`${origin}/readyz`),
    ]);
    assert.equal(bare.status, 401);
    assert.doesNotMatch(await bare.text(), /hostile/);
    assert.equal(keyed.status, 200);
    assert.match(await keyed.text(), /hostile/);
    assert.equal(probe.status, 200);
  });

  it('the log says whose a session is, by the hash of the key, and where refusals came from', async () => {
    const opened = await bridge.logs.next('an open', ({ msg }) => msg === 'session opened');
    assert.match(String(opened['identity']), /^[\w-]{8}$/);
    const refused = await bridge.logs.next(
      'a refusal',
      ({ msg, reason }) => msg === 'request refused' && reason === 'request.unauthorized',
    );
    assert.match(String(refused['from']), /127\.0\.0\.1$/);
  });

  it('a key in the query is not a key', async () => {
    const answer = await post(`${url}?api_key=${encodeURIComponent(keyA)}&access_token=${encodeURIComponent(keyA)}`, list, {
      'mcp-session-id': alice.session,
    });
    assert.ok([400, 401].includes(answer.status), String(answer.status));
  });

  it('X-API-Key is a key', async () => {
    await hello(url, '2025-11-25', { 'x-api-key': keyB });
  });

  it('a session of one key is unknown to another, by every method, and goes on', async () => {
    const headers = { ...alice.headers, authorization: `Bearer ${keyB}`, accept: 'application/json, text/event-stream' };
    const unknown = await post(url, list, { authorization: `Bearer ${keyB}`, 'mcp-session-id': 'x'.repeat(64) });
    const stolen = await post(url, list, headers);
    assert.equal(stolen.status, 404);
    const anyRef = ({ text }: { readonly text: string }): string => text.replace(/"ref":"[\w-]{8}"/, '"ref":""');
    assert.equal(anyRef(stolen), anyRef(unknown), 'the same body as for an unknown session, but for the reference in the log');
    for (const method of ['GET', 'DELETE']) {
      const response = await fetch(url, { method, headers });
      await response.body?.cancel();
      assert.equal(response.status, 404);
    }
    assert.equal((await post(url, list, alice.headers)).status, 200);
  });

  it('an event id of one key replays nothing to another', async () => {
    const { events } = await post(url, toolCall(1, 'progress', { n: 2 }, { progressToken: 1 }), alice.headers);
    const bob = await hello(url, '2025-11-25', { authorization: `Bearer ${keyB}` });
    await assert.rejects(openStream(url, { headers: { ...bob.headers, 'last-event-id': events[0]!.id! } }), /no stream: 400/);
  });

  it('a child sees a minimal environment, what is configured for it, and no secret', async () => {
    const env = JSON.parse(textOf((await post(url, toolCall(1, 'env'), alice.headers)).messages.at(-1))!) as Record<string, string>;
    assert.equal(env['GIVEN'], 'yes');
    assert.ok(env['PATH']);
    const known = new Set([
      'PATH',
      'HOME',
      'LANG',
      'LC_ALL',
      'TMPDIR',
      'USER',
      'LOGNAME',
      'SHELL',
      'TERM',
      'TZ',
      'GIVEN',
      'LEDGER',
      'CAUSEWAY_CHILD',
      'CAUSEWAY_TEST_MARK',
    ]);
    assert.deepEqual(
      Object.keys(env).filter((name) => !known.has(name)),
      [],
    );
    const text = JSON.stringify(env);
    for (const hidden of [keyA, keyB, secret, alice.session]) assert.ok(!text.includes(hidden));
  });

  it('a variable that is listed is passed, the others are not', async () => {
    const target = bridge.url('listed');
    const { headers } = await hello(target, '2025-11-25', { authorization: `Bearer ${keyA}` });
    const env = JSON.parse(textOf((await post(target, toolCall(1, 'env'), headers)).messages.at(-1))!) as Record<string, string>;
    assert.equal(env['OPERATOR_LISTED'], 'listed');
    assert.equal(env['OPERATOR_SECRET'], undefined);
  });

  it('headers of a client reach no child, and its words, keys and session ids no log', async () => {
    const [cookie, words] = [canary('cookie'), canary('words')];
    await post(url, toolCall(1, 'echo', { text: words }), { ...alice.headers, cookie, 'x-forwarded-for': cookie });
    await post(url, `{"broken ${words}`, alice.headers);
    const answer = await post(url, toolCall(2, 'env'), alice.headers);
    assert.ok(!answer.text.includes(cookie));
    const output = bridge.stdout() + bridge.stderr();
    for (const hidden of [cookie, words, keyA, keyB, secret, alice.session]) assert.ok(!output.includes(hidden));
    assert.ok((await ledger.entries()).every((entry) => !JSON.stringify(entry).includes(cookie)));
  });
});
