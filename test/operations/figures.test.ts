/** `/metrics` of a running bridge: its places and sessions as they are at the moment, and no name that a client chose. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, openCall, openStream, post, toolCall, type Answer } from '../harness/speak.ts';
import { ask, call, openAsk, request } from '../harness/stateless.ts';

/** It ends at once. */
const BROKEN = { command: process.execPath, args: ['-e', ''] };

/** Each line of `/metrics`: its name with its labels, and the value. */
async function read(diagnostics: string): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${diagnostics}/metrics`)).text();
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

/** How often each kind of request was counted under a name of durations, e.g. `tools/call`, `tools/call -32602`. */
function counts(
  figures: Readonly<Record<string, number>>,
  side: 'client' | 'server',
  server = 'hostile',
): Readonly<Record<string, number>> {
  const counted = new RegExp(
    `^mcp_${side}_operation_duration_seconds_count\\{causeway_server="${server}",mcp_method_name="([^"]*)"(?:,error_type="([^"]*)")?\\}$`,
  );
  return Object.fromEntries(
    Object.entries(figures).flatMap(([name, value]) => {
      const found = counted.exec(name);
      return found ? [[[found[1], found[2]].filter((part) => part !== undefined).join(' '), value]] : [];
    }),
  );
}

describe('figures', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let diagnostics: string;
  before(async () => {
    const config = { worker: { capacity: 5 }, limits: { sessions: 3 }, diagnostics: { port: 0 } };
    bridge = stack.use(await openCauseway('run', { servers: { hostile: hostile(), other: hostile(), broken: BROKEN }, config }));
    diagnostics = String(bridge.logs.items.find(({ msg }) => msg === 'listening')!['diagnostics']);
  });
  after(() => stack.disposeAsync());

  const figures = () => read(diagnostics);

  it('say how many places there are, and how many are taken', async () => {
    const before = await figures();
    assert.partialDeepStrictEqual(before, {
      causeway_worker_slots_used: 0,
      causeway_worker_slots_available: 5,
      causeway_worker_slots_max: 5,
      causeway_session_started_total: 0,
      causeway_worker_lease_held: 1,
      causeway_bus_connected: 1,
      'causeway_sessions{causeway_server="hostile"}': 0,
      'causeway_workers{state="ready"}': 1,
      'causeway_limit_used{scope="total"}': 0,
      'causeway_limit_max{scope="total"}': 3,
    });
    assert.equal(before['causeway_limit_max{scope="server:hostile"}'], undefined, 'it has no limit');
    await hello(bridge.url('hostile'));
    assert.partialDeepStrictEqual(await figures(), {
      causeway_worker_slots_used: 1,
      causeway_worker_slots_available: 4,
      causeway_session_started_total: 1,
      'causeway_sessions{causeway_server="hostile"}': 1,
      'causeway_sessions{causeway_server="other"}': 0,
      'causeway_limit_used{scope="total"}': 1,
      'causeway_limit_used{scope="server:hostile"}': 1,
      'causeway_limit_used{scope="server:other"}': 0,
    });
  });

  it('say of a server that it cannot be started, once it was tried too often', async () => {
    const failing = async (server: string): Promise<unknown> => (await figures())[`causeway_server_failing{causeway_server="${server}"}`];
    assert.equal(await failing('broken'), 0);
    for (let nth = 0; nth < 5; nth++) await assert.rejects(hello(bridge.url('broken')), /503/);
    assert.deepEqual([await failing('broken'), await failing('other')], [1, 0]);
  });

  it('count no session that was refused its place, as begun or as one that failed to start', async () => {
    const counted = async (): Promise<readonly unknown[]> => {
      const all = await figures();
      return [all['causeway_session_started_total'], all['causeway_session_ended_total{reason="start_failed"}']];
    };
    const [started, failed] = await counted();
    for (let nth = 0; nth < 2; nth++) await hello(bridge.url('hostile'));
    await assert.rejects(hello(bridge.url('hostile')), /limit\.total/);
    await bridge.logs.next('its end', ({ msg, error }) => msg === 'session ended' && error === 'limit.total');
    assert.deepEqual(await counted(), [Number(started) + 2, failed]);
  });

  it('are on the diagnostics port alone', async () => {
    assert.equal((await fetch(`${bridge.base}/metrics`)).status, 404);
  });
});

describe('figures of requests', () => {
  const stack = new AsyncDisposableStack();
  let bridge: Causeway;
  let diagnostics: string;
  before(async () => {
    const config = { diagnostics: { port: 0 }, http: { maxBody: 10_000 }, limits: { callsPerSession: 2 } };
    const servers = {
      hostile: hostile({}, { requestTimeout: '500ms' }),
      patient: hostile(),
      silent: hostile({ SILENT: '1' }, { startTimeout: '2500ms' }),
    };
    bridge = stack.use(await openCauseway('run', { servers, config }));
    diagnostics = String(bridge.logs.items.find(({ msg }) => msg === 'listening')!['diagnostics']);
  });
  after(() => stack.disposeAsync());

  it('say how long they took and how they failed, whatever they came by: at their server, and with the way there', async () => {
    const url = bridge.url('hostile');
    const { headers } = await hello(url);
    const told = (message: object): Promise<Answer> => post(url, message, headers);
    await told(toolCall(1, 'sleep', { ms: 60 }));
    await told(toolCall(2, 'no such tool'));
    await told({ jsonrpc: '2.0', id: 3, method: 'no/such' });
    assert.match((await told(toolCall(4, 'sleep', { ms: 60_000 }))).text, /server\.deadline/);
    assert.match((await told(toolCall(5, 'crash'))).text, /server\.exited/);
    await ask(url, call(6, 'echo', { text: 'x' }));
    await ask(url, call(7, 'no such tool'));

    const stream = await openStream(url.replace(/mcp$/, 'sse'));
    const { data } = await stream.events.next('the address', ({ event }) => event === 'endpoint');
    const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'by-hand', version: '1.0.0' } };
    const over = new URL(data, url.replace(/mcp$/, 'sse')).href;
    for (const message of [{ jsonrpc: '2.0', id: 8, method: 'initialize', params }, toolCall(9, 'echo'), toolCall(10, 'no such tool')]) {
      await post(over, message);
      await stream.message('the answer', ({ id }) => id === message.id);
    }
    await stream.drop();

    const all = await read(diagnostics);
    const expected = {
      initialize: 2,
      'tools/call': 3,
      'tools/call tool_error': 3,
      '_other -32601': 1,
      'tools/call server.deadline': 1,
      'tools/call server.exited': 1,
    };
    assert.deepEqual(counts(all, 'client'), expected);
    assert.deepEqual(counts(all, 'server'), expected);
    const of = 'causeway_server="hostile",mcp_method_name="tools/call"';
    for (const side of ['client', 'server']) {
      const longer =
        all[`mcp_${side}_operation_duration_seconds_bucket{${of},le="+Inf"}`]! -
        all[`mcp_${side}_operation_duration_seconds_bucket{${of},le="0.05"}`]!;
      assert.ok(longer >= 1 && all[`mcp_${side}_operation_duration_seconds_sum{${of}}`]! >= 0.06, `${side}: one took 60 ms`);
    }
  });

  it('count what clients are told by the bridge itself, by its reason', async () => {
    const failed = async (reason: string): Promise<number | undefined> =>
      (await read(diagnostics))[`causeway_request_failed_total{reason="${reason}"}`];
    assert.equal(await failed('request.too_large'), undefined);
    await post(bridge.url('hostile'), 'x'.repeat(10_001));
    await post(bridge.url('no-such-server'), toolCall(1, 'echo'));
    await post(bridge.url('no-such-server'), toolCall(1, 'echo'));
    assert.deepEqual([await failed('request.too_large'), await failed('server.unknown')], [1, 2]);
  });

  it('count the sessions that have ended, by the reason', async () => {
    const url = bridge.url('hostile');
    const { headers } = await hello(url);
    await fetch(url, { method: 'DELETE', headers });
    // What is told may still be going on.
    const ends = (): number => bridge.logs.items.filter(({ msg }) => msg === 'session ended').length;
    await bridge.logs.next('the end of all three', () => ends() === 3);
    const all = await read(diagnostics);
    const ended = Object.entries(all).filter(([name]) => name.startsWith('causeway_session_ended_total'));
    assert.deepEqual(Object.fromEntries(ended), {
      'causeway_session_ended_total{reason="child_exit"}': 1,
      'causeway_session_ended_total{reason="delete"}': 2,
    });
  });

  /** What clients of a server were counted for while this was done. */
  const during = async (server: string, act: () => Promise<unknown>): Promise<object> => {
    const before = counts(await read(diagnostics), 'server', server);
    await act();
    const after = counts(await read(diagnostics), 'server', server);
    const grown = Object.entries(after).map(([what, count]): [string, number] => [what, count - (before[what] ?? 0)]);
    return Object.fromEntries(grown.filter(([, count]) => count > 0));
  };
  const cancel = (requestId: unknown): object => ({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });

  it('count a request of a batch that was cancelled, whether the others are answered before it or after', async () => {
    const url = bridge.url('patient');
    const { headers } = await hello(url, '2025-03-26');
    for (const ms of [0, 400]) {
      const batch = [toolCall('never', 'never'), toolCall('other', 'progress', { n: 2, ms: ms / 2 }, { progressToken: 1 })];
      const counted = await during('patient', async () => {
        const stream = await openCall(url, batch, headers);
        await stream.message('its progress', ({ method }) => method === 'notifications/progress');
        if (ms === 0) await stream.message('the answer', ({ id }) => id === 'other');
        await post(url, cancel('never'), headers);
        await stream.ended;
      });
      assert.deepEqual(counted, { 'tools/call': 1, 'tools/call cancelled': 1 });
    }
  });

  it('count a request whose stream another connection of its client has taken over as left, not as cancelled', async () => {
    const url = bridge.url('patient');
    const { headers } = await hello(url);
    const counted = await during('patient', async () => {
      const stream = await openCall(url, toolCall('call', 'never'), headers);
      const { id } = await stream.events.next('an event', (event) => event.id !== undefined);
      const resumed = await openStream(url, { headers: { ...headers, 'last-event-id': id! } });
      await stream.ended;
      await post(url, cancel('call'), headers);
      await resumed.ended;
    });
    assert.deepEqual(counted, { 'tools/call client_left': 1 });
  });

  it('count a discovery whose stream breaks off by what has failed', async () => {
    const counted = await during('silent', async () => {
      const stream = await openAsk(bridge.url('silent'), request('d', 'server/discover'));
      await stream.ended;
      assert.deepEqual(stream.messages(), []);
    });
    assert.deepEqual(counted, { 'server/discover server.start_timeout': 1 });
  });

  it('count a request that is refused on its way to a stream of 2024-11-05', async () => {
    const url = bridge.url('patient').replace(/mcp$/, 'sse');
    const stream = await openStream(url);
    const { data } = await stream.events.next('the address', ({ event }) => event === 'endpoint');
    const over = new URL(data, url).href;
    const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'by-hand', version: '1.0.0' } };
    await post(over, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
    await stream.message('the answer', ({ id }) => id === 0);
    const counted = await during('patient', async () => {
      for (const id of [1, 2]) assert.equal((await post(over, toolCall(id, 'never'))).status, 202);
      assert.equal((await post(over, toolCall(3, 'echo'))).status, 429);
      for (const id of [1, 2]) await post(over, cancel(id));
    });
    assert.deepEqual(counted, { 'tools/call cancelled': 2, 'tools/call limit.calls': 1 });
    await stream.drop();
  });
});
