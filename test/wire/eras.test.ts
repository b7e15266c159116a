/**
 * Sessions in front of servers of every era, in one process: which processes are started to find out, what each hears,
 * and that of all of them nothing is left.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLifeline } from '../harness/children.ts';
import { openLedger, type Ledger } from '../harness/ledger.ts';
import { hostile, openCauseway, type Causeway, type ServerSpec } from '../harness/processes.ts';
import { hello, openCall, post, textOf, toolCall, type Headers } from '../harness/speak.ts';

const SERVERS = ['legacy', 'modern', 'unnamed', 'set', 'wrong'] as const;
type Name = (typeof SERVERS)[number];

describe('the era of a server behind sessions', () => {
  const stack = new AsyncDisposableStack();
  const ledgers = Object.fromEntries(SERVERS.map((name) => [name, stack.use(openLedger())])) as Record<Name, Ledger>;
  let bridge: Causeway;

  before(async () => {
    const life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    const server = (name: Name, env: Readonly<Record<string, string>>, settings = {}): ServerSpec =>
      hostile({ ...ledgers[name].env, ...life.env, ...env }, settings);
    bridge = stack.use(
      await openCauseway('run', {
        servers: {
          legacy: server('legacy', {}),
          modern: server('modern', { ERA: 'modern' }),
          // It refuses the handshake and does not say which revisions it has.
          unnamed: server('unnamed', { ERA: 'dual', INIT_ERROR: '1' }),
          set: server('set', { ERA: 'modern' }, { era: 'modern' }),
          wrong: server('wrong', { INIT_ERROR: '1' }),
        },
      }),
    );
  });
  after(() => stack.disposeAsync());

  /** Each process since the last look, as the methods that it heard. */
  const looked = new Map<Name, number>();
  async function heard(name: Name): Promise<string[][]> {
    const entries = (await ledgers[name].entries()).slice(looked.get(name) ?? 0);
    looked.set(name, (looked.get(name) ?? 0) + entries.length);
    const byProcess = Map.groupBy(entries, ({ pid }) => pid);
    return [...byProcess.values()].map((told) => told.map(({ method }) => method ?? 'answer').slice(1));
  }
  const echo = async (name: Name, headers: Headers): Promise<void> => {
    const answer = await post(bridge.url(name), toolCall(1, 'echo', { text: 'hi' }), headers);
    assert.equal(textOf(answer.messages.at(-1)), 'hi', answer.text);
    assert.doesNotMatch(answer.text, /resultType/);
  };

  it('before it is used a server is looked at once', async () => {
    for (const name of SERVERS) {
      await ledgers[name].next('the look', ({ method }) => method === 'initialize');
      assert.deepEqual(await heard(name), [['initialize']], name);
    }
  });

  it('one with a handshake costs a session one process, and hears nothing of eras', async () => {
    await echo('legacy', (await hello(bridge.url('legacy'))).headers);
    assert.deepEqual(await heard('legacy'), [['initialize', 'notifications/initialized', 'tools/call']]);
  });

  it('one of the other era is found by its refusal: the first session takes two processes, every other one', async () => {
    const translated = ['server/discover', 'subscriptions/listen', 'tools/call'];
    await echo('modern', (await hello(bridge.url('modern'))).headers);
    assert.deepEqual(await heard('modern'), [['initialize'], translated]);
    await echo('modern', (await hello(bridge.url('modern'))).headers);
    assert.deepEqual(await heard('modern'), [translated]);
  });

  it('one that refuses without a word of its era is asked by a third process, once', async () => {
    await echo('unnamed', (await hello(bridge.url('unnamed'))).headers);
    const [first, probe, used] = await heard('unnamed');
    assert.deepEqual([first, probe, used?.[0]], [['initialize'], ['server/discover'], 'server/discover']);
    await echo('unnamed', (await hello(bridge.url('unnamed'))).headers);
    assert.equal((await heard('unnamed')).length, 1);
  });

  it('one whose era is set is spoken to in it from the start', async () => {
    await echo('set', (await hello(bridge.url('set'))).headers);
    assert.deepEqual(await heard('set'), [['server/discover', 'subscriptions/listen', 'tools/call']]);
  });

  it('one that refuses everybody tells the client why, and is asked for its era before it is', async () => {
    await assert.rejects(hello(bridge.url('wrong')), /-32602.*Unsupported protocol version/);
    assert.deepEqual(await heard('wrong'), [['initialize'], ['server/discover']]);
  });

  it('a cancellation reaches a server of the other era under its own id of the call', async () => {
    const { headers } = await hello(bridge.url('modern'));
    await using call = await openCall(bridge.url('modern'), toolCall('mine', 'never', { nonce: 'cancelled' }), headers);
    const made = await ledgers.modern.next('the call', ({ nonce }) => nonce === 'cancelled');
    await post(bridge.url('modern'), { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'mine' } }, headers);
    const cancelled = await ledgers.modern.next('its end', ({ method }) => method === 'notifications/cancelled');
    assert.deepEqual([cancelled.pid, cancelled.requestId], [made.pid, made.id]);
    await call.ended;
  });

  it('with its session a server of the other era ends', async () => {
    const { headers } = await hello(bridge.url('set'));
    const answer = await post(bridge.url('set'), toolCall(1, 'pid'), headers);
    const { pid } = JSON.parse(textOf(answer.messages.at(-1))!) as { pid: number };
    process.kill(pid, 0);
    assert.equal((await fetch(bridge.url('set'), { method: 'DELETE', headers })).status, 200);
    const call = await post(bridge.url('set'), toolCall(2, 'echo'), headers);
    assert.equal(call.status, 404);
  });
});
