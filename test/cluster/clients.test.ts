/**
 * The official clients against four edges without stickiness: each POST goes to the next of two, the GET stream
 * to a third, the DELETE to a fourth. They notice nothing: every answer is what direct stdio says.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openFront, rotate } from '../harness/rotating.ts';
import { assertSame, hear, type Heard } from '../parity/play.ts';
import { openPlay, type Play } from '../parity/scripts.ts';
import { overNext, overSse, overStdio, overStreamable } from '../parity/speakers.ts';

describe('clients without stickiness', () => {
  const stack = new AsyncDisposableStack();
  let play: Play;
  let cluster: BridgeCluster;
  let direct: Heard;

  before(async () => {
    play = stack.use(await openPlay('everything'));
    const { args, env } = play;
    cluster = stack.use(await openBridgeCluster({ edges: 4, servers: { everything: { command: process.execPath, args, env } } }));
    direct = await hear(play, () => overStdio(process.execPath, args, env));
  });
  after(() => stack.disposeAsync());

  const apart = () => rotate(cluster.bases, (method, count) => (method === 'GET' ? 2 : method === 'DELETE' ? 3 : count % 2));

  for (const [name, open] of [
    ['1.x', overStreamable],
    ['2.x', overNext],
  ] as const) {
    it(`the ${name} client with POSTs on two edges, GET on a third, DELETE on a fourth`, async () => {
      const rotation = apart();
      assertSame(play, await hear(play, () => open(cluster.url('everything'), rotation.fetch)), direct);
      const used = (method: string) => new Set(rotation.trace.filter((entry) => entry.method === method).map(({ edge }) => edge));
      assert.deepEqual(used('POST'), new Set([0, 1]));
      assert.deepEqual(used('GET'), new Set([2]));
      assert.deepEqual(used('DELETE'), new Set([3]));
      assert.ok(
        rotation.trace.every(({ status }) => status < 300),
        JSON.stringify(rotation.trace),
      );
    });

    it(`the ${name} client with every request at the next edge`, async () => {
      const rotation = rotate(cluster.bases);
      assertSame(play, await hear(play, () => open(cluster.url('everything'), rotation.fetch)), direct);
    });
  }

  it('the 2.x client without a session, every request at the next edge', async () => {
    const rotation = rotate(cluster.bases);
    assertSame(play, await hear(play, () => overNext(cluster.url('everything'), rotation.fetch, '2026-07-28')), direct);
    assert.equal(new Set(rotation.trace.map(({ edge }) => edge)).size, 4);
  });

  it('the 1.x client over HTTP+SSE with every message at the next edge', async () => {
    const rotation = rotate(cluster.bases);
    assertSame(play, await hear(play, () => overSse(`${cluster.bases[0]}/servers/everything/sse`, rotation.fetch)), direct);
    assert.equal(new Set(rotation.trace.map(({ edge }) => edge)).size, 4);
  });

  it('a balancer in front that knows nothing of sessions', async () => {
    await using front = await openFront(cluster.bases);
    assertSame(play, await hear(play, () => overStreamable(`${front.base}/servers/everything/mcp`)), direct);
    assertSame(play, await hear(play, () => overSse(`${front.base}/servers/everything/sse`)), direct);
    assert.ok(
      front.counts.every((count) => count > 0),
      front.counts.join(),
    );
  });
});
