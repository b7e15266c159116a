/** Buckets that come back older than they were, or not at all. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { post, toolCall } from '../../../harness/speak.ts';
import { until } from '../../../harness/within.ts';
import { aside } from '../../expect.ts';
import type { Bucket, Eye } from '../../kv.ts';
import { numberOf } from '../../load.ts';
import { describeCall } from '../../records.ts';
import { snapshotOf } from '../../snapshot.ts';
import { openFaults } from '../../stage.ts';

const LEASE = 20_000;

/** Resolves with what puts the bucket back as it is now. */
async function copyOf(eye: Eye, bucket: Bucket, how: 'key by key' | 'from a snapshot'): Promise<() => Promise<void>> {
  if (how === 'from a snapshot') return snapshotOf(eye.nc, eye.manager, `KV_cw_${bucket}`);
  const values = await eye.raw(bucket);
  return async () => {
    await eye.wipe(bucket);
    for (const [key, value] of values) await eye.put(bucket, key, value, bucket === 'workers' ? LEASE : undefined);
  };
}

describe('rebuilt buckets', () => {
  const faults = openFaults();
  const at = (edge: number) => faults.stage.world.edges[edge]!.process.url('steady');

  for (const how of ['key by key', 'from a snapshot'] as const) {
    it(
      `F44 (${how}) the buckets come back as they were before sessions ended, opened and moved: what ended stays ended, nobody is owned twice`,
      faults.fault(async (run) => {
        const { world, eye, load } = run.stage;
        const backs = await Promise.all((['sessions', 'workers'] as const).map((bucket) => copyOf(eye, bucket, how)));
        const old = load.sessions().filter(({ client, transport }) => numberOf(client) % 4 === 3 && transport === 'streamable');
        await load.reopen((client) => numberOf(client) % 4 === 3);
        const restarted = world.workers[2]!;
        await restarted.term();
        await restarted.start();
        await load.served(Date.now(), 30_000);
        run.strike();
        const struck = run.calls().length;
        for (const back of backs) await back();
        await run.lasts(LEASE + 5_000);
        for (const [nth, { id, session, confirmed }] of old.entries()) {
          if (confirmed !== true) continue;
          const headers = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
          const { status, text } = await post(at(nth % 3), toolCall(1, 'echo', { text: 'x' }), headers, 30_000);
          assert.equal(status, 404, `${session}, which had ended: ${status} ${text}`);
        }
        await run.recovered(60_000);
        const wrong = run
          .calls()
          .slice(struck)
          .filter(({ outcome, status }) => outcome !== 'ok' && status !== 404);
        assert.deepEqual(wrong.map(describeCall), []);
      }),
    );
  }

  it(
    'F40 the whole NATS cluster is built anew, empty: ids of before are 404 or go on, never another session, and new ones open',
    faults.fault(async (run) => {
      const { world, load } = run.stage;
      const old = load.sessions().filter(({ transport }) => transport === 'streamable');
      run.strike();
      await Promise.all(world.nats.nodes.map((node) => world.killNode(node)));
      for (const node of world.nats.nodes) await node.forget();
      await Promise.all(world.nats.nodes.map((node) => world.startNode(node)));
      await run.recovered(90_000);
      for (const [nth, { id }] of old.slice(0, 6).entries()) {
        const headers = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
        const { status, text } = await post(at(nth % 3), toolCall(1, 'echo', { text: 'x' }), headers, 30_000);
        assert.ok(status === 404 || status === 200, `${status} ${text}`);
      }
      await using opened = await until(30_000, 'a new session', () => aside(at(1)).catch(() => undefined));
      for (const nth of [0, 1, 2]) assert.equal((await post(at(nth), toolCall(1, 'echo', { text: 'x' }), opened.headers)).status, 200);
    }),
  );

  faults.lastly();
});
