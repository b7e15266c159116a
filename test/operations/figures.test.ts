/** `/metrics` of a running bridge: its places and sessions as they are at the moment, and no name that a client chose. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello } from '../harness/speak.ts';

/** It ends at once. */
const BROKEN = { command: process.execPath, args: ['-e', ''] };

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

  const figures = async (): Promise<Readonly<Record<string, number>>> => {
    const text = await (await fetch(`${diagnostics}/metrics`)).text();
    return Object.fromEntries(
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
  };

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

  it('are on the diagnostics port alone', async () => {
    assert.equal((await fetch(`${bridge.base}/metrics`)).status, 404);
  });
});
