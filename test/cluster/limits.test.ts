/**
 * Limits of the whole cluster: exact under bursts through every edge, named in the refusal, and free again with what
 * held them, however that ended.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openLedger } from '../harness/ledger.ts';
import { holds } from '../harness/observer.ts';
import { hostile } from '../harness/processes.ts';
import { assertRefused } from '../harness/refusal.ts';
import { hello, openCall, post, toolCall, type Answer, type Headers } from '../harness/speak.ts';

const initialize = {
  jsonrpc: '2.0',
  id: 'open',
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
};
const KEYS = { ann: 'key-of-ann-0123456789', bob: 'key-of-bob-0123456789' };
const as = (who: keyof typeof KEYS): Headers => ({ authorization: `Bearer ${KEYS[who]}` });

describe('limits of a cluster', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let life: Lifeline;
  let cluster: BridgeCluster;

  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    const env = { ...ledger.env, ...life.env };
    cluster = stack.use(
      await openBridgeCluster({
        edges: 4,
        workers: 2,
        servers: { hostile: hostile(env), small: hostile(env, { limits: { sessions: 3 } }) },
        config: {
          limits: { sessions: 20, sessionsPerIdentity: 16, callsPerSession: 3, callsPerIdentity: 5 },
          auth: { apiKeys: Object.entries(KEYS).map(([id, key]) => ({ id, key })) },
        },
      }),
    );
  });
  after(() => stack.disposeAsync());

  const at = (edge: number, server = 'hostile') => cluster.url(server, edge);
  const session = (answer: Answer): Headers => ({ 'mcp-session-id': answer.headers.get('mcp-session-id')! });
  const close = (headers: Headers, server = 'hostile') => fetch(at(0, server), { method: 'DELETE', headers });

  it('4 edges × 25 opens at once for 20 places: exactly 20, three times in a row; refusals start nothing', async () => {
    for (let round = 0; round < 3; round++) {
      const before = await ledger.starts();
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, nth) => post(at(nth), initialize, as(nth % 2 === 0 ? 'ann' : 'bob'), 30_000)),
      );
      const opened = answers.filter(({ status }) => status === 200);
      assert.equal(opened.length, 20, answers.map(({ status }) => status).join(' '));
      assert.equal((await ledger.starts()) - before, 20);
      for (const answer of answers.filter(({ status }) => status !== 200)) {
        assert.ok(answer.status === 503 || answer.status === 429, answer.text);
        assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
        assert.match(String(answer.messages[0]?.error?.data?.['reason']), /^limit\.(total|identity)$/);
      }
      const closing = answers.flatMap((answer, nth) =>
        answer.status === 200 ? [close({ ...session(answer), ...as(nth % 2 === 0 ? 'ann' : 'bob') })] : [],
      );
      for (const { status } of await Promise.all(closing)) assert.equal(status, 200);
      await life.none(5_000);
    }
  });

  it('an identity has its share and no more: 429; a server has its own: 503; a place that is closed is had again at once', async () => {
    await holds(cluster, 'g', 0);
    const mine = [];
    for (let nth = 0; nth < 16; nth++) mine.push(await hello(at(nth), '2025-11-25', as('ann')));
    const data = assertRefused(await post(at(1), initialize, as('ann')), { status: 429, code: -31429, reason: 'limit.identity' }).data;
    assert.deepEqual([data?.['limit'], data?.['used'], data?.['executed']], [16, 16, 'no']);
    const small = [];
    for (let nth = 0; nth < 3; nth++) small.push(await hello(at(nth, 'small'), '2025-11-25', as('bob')));
    assertRefused(await post(at(2, 'small'), initialize, as('bob')), { status: 503, code: -31503, reason: 'limit.server' });
    assert.equal((await close(small[0]!.headers, 'small')).status, 200);
    small.push(await hello(at(3, 'small'), '2025-11-25', as('bob')));
    await Promise.all([...mine.map(({ headers }) => close(headers)), ...small.slice(1).map(({ headers }) => close(headers, 'small'))]);
    await life.none(5_000);
  });

  it('calls in flight are bounded for a session and for an identity', async () => {
    const [one, two] = [await hello(at(0), '2025-11-25', as('ann')), await hello(at(1), '2025-11-25', as('ann'))];
    await using open = new AsyncDisposableStack();
    for (let nth = 0; nth < 3; nth++) open.use(await openCall(at(nth), toolCall(nth, 'never'), one.headers));
    const data = assertRefused(await post(at(3), toolCall('more', 'echo'), one.headers), {
      status: 429,
      code: -31429,
      reason: 'limit.calls',
    }).data;
    assert.deepEqual([data?.['scope'], data?.['limit']], ['session', 3]);
    const outcomes = [];
    for (let nth = 0; nth < 3; nth++) {
      const call = await openCall(at(nth), toolCall(nth, 'never'), two.headers).catch((error: Error) => error);
      outcomes.push(call);
      if (!(call instanceof Error)) open.use(call);
    }
    // The two sessions may live on two workers, each of which counts for itself.
    assert.ok(outcomes.filter((outcome) => !(outcome instanceof Error)).length >= 2);
    await Promise.all([close(one.headers), close(two.headers)]);
    await life.none(5_000);
  });
});
