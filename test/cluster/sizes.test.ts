/**
 * Large messages over NATS: whole in both directions, in parts that do not hold up others; and clients that do
 * not read, which cost neither the edge nor the worker more than their bounds.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { hostile } from '../harness/processes.ts';
import { hello, post, textOf, toolCall } from '../harness/speak.ts';
import { timed } from '../harness/within.ts';

const MIB = 1024 * 1024;

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

describe('sizes over NATS', () => {
  const stack = new AsyncDisposableStack();
  let cluster: BridgeCluster;
  before(async () => {
    const config = { worker: { lineBytes: '33MiB' }, streams: { maxMessage: '33MiB' } };
    cluster = stack.use(await openBridgeCluster({ servers: { hostile: hostile() }, edges: 2, workers: 1, config }));
  });
  after(() => stack.disposeAsync());
  const at = (edge: number) => cluster.url('hostile', edge);

  for (const mib of [1, 8, 31]) {
    it(`an answer of ${mib} MiB arrives whole while a neighbour calls on`, async (t: TestContext) => {
      const [big, small] = [await hello(at(0)), await hello(at(0))];
      let over = false;
      const latencies: number[] = [];
      const neighbour = (async () => {
        while (!over) latencies.push((await timed(() => post(at(0), toolCall(latencies.length, 'echo'), small.headers))).ms);
      })();
      const { ms, value } = await timed(() => post(at(1), toolCall('big', 'big', { bytes: mib * MIB }), big.headers, 60_000));
      over = true;
      await neighbour;
      assert.equal(textOf(value.messages.at(-1))?.length, mib * MIB);
      t.diagnostic(`${mib} MiB in ${ms.toFixed(0)} ms; neighbour: ${latencies.length} calls, max ${Math.max(...latencies).toFixed(0)} ms`);
    });
  }

  it('a request of 4 MiB comes back whole', async () => {
    const { headers } = await hello(at(0));
    const text = 'é'.repeat(2 * MIB - 200);
    assert.equal(textOf((await post(at(1), toolCall(1, 'echo', { text }), headers)).messages.at(-1)), text);
  });

  it('small and large messages of one session keep their order', async () => {
    const { headers } = await hello(at(0));
    const answer = await post(at(1), toolCall('mixed', 'mixed', { sizes: [10, 700_000, 10, 300_000, 10, 2_000_000, 10] }), headers);
    const sizes = answer.messages.flatMap(({ params }) => (typeof params?.['data'] === 'string' ? [params['data'].length] : []));
    assert.deepEqual(sizes, [10, 700_000, 10, 300_000, 10, 2_000_000, 10]);
    assert.equal(textOf(answer.messages.at(-1)), 'mixed');
  });

  it('eight large answers at once are all whole', async () => {
    const sessions = await Promise.all(Array.from({ length: 8 }, (_, nth) => hello(at(nth))));
    const answers = await Promise.all(
      sessions.map(({ headers }, nth) => post(at(nth + 1), toolCall(nth, 'big', { bytes: 4 * MIB + nth }), headers, 60_000)),
    );
    for (const [nth, answer] of answers.entries()) assert.equal(textOf(answer.messages.at(-1))?.length, 4 * MIB + nth);
  });

  it('a client that does not read costs neither edge nor worker more than its bounds, and nobody else anything', async () => {
    const [stuck, free] = [await hello(at(0)), await hello(at(0))];
    const pids = [cluster.edges[0]!.pid, cluster.workers[0]!.pid] as const;
    const before = await Promise.all(pids.map(residentBytes));
    const response = await fetch(at(0), {
      method: 'POST',
      headers: { ...stuck.headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify(toolCall('unread', 'flood', { n: 40_000, bytes: 2_000 })),
    });
    for (let nth = 0; nth < 60; nth++) {
      assert.equal(textOf((await post(at(nth), toolCall(nth, 'echo', { text: 'free' }), free.headers)).messages.at(-1)), 'free');
    }
    const grown = (await Promise.all(pids.map(residentBytes))).map((bytes, nth) => Math.round((bytes - before[nth]!) / MIB));
    await response.body!.cancel();
    // The child would have written 80 MB.
    for (const [nth, mib] of grown.entries()) assert.ok(mib < 48, `${['edge', 'worker'][nth]}: ${mib} MiB more`);
  });
});

describe('a worker that is told to leave', () => {
  it('sends the large answers first that it has', async () => {
    await using cluster = await openBridgeCluster({ servers: { hostile: hostile() }, edges: 1, workers: 1, nats: 1 });
    const url = cluster.url('hostile');
    const sessions = await Promise.all(Array.from({ length: 16 }, () => hello(url)));
    const asked = sessions.map(({ headers }, nth) => post(url, toolCall(nth, 'big', { bytes: 8 * MIB + nth }), headers, 60_000));
    await Promise.race(asked);
    cluster.workers[0]!.kill('SIGTERM');
    for (const [nth, answer] of (await Promise.all(asked)).entries()) assert.equal(textOf(answer.messages.at(-1))?.length, 8 * MIB + nth);
  });
});
