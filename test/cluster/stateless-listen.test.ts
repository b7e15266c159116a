/**
 * Listening on three edges: what changes at one is heard at the others, whichever worker and process it came
 * from.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { hostile, stdio2025, stdio2026 } from '../harness/processes.ts';
import { wasInFlight, type Message } from '../harness/speak.ts';
import { call, listen, subscriptionOf, told } from '../harness/stateless.ts';

const TOOLS = 'notifications/tools/list_changed';
const UPDATED = 'notifications/resources/updated';
const is =
  (wanted: string) =>
  ({ method }: Message): boolean =>
    method === wanted;

describe('listening at one edge to what happens at another', () => {
  const stack = new AsyncDisposableStack();
  const watched = join(tmpdir(), `watched-${randomUUID()}`);
  let cluster: BridgeCluster;
  before(async () => {
    await writeFile(watched, '');
    stack.defer(() => rm(watched, { force: true }));
    const env = { WATCH: watched };
    const servers = {
      legacy: stdio2025(),
      modern: stdio2026(),
      hostile: hostile(env),
      'hostile-modern': hostile({ ...env, ERA: 'modern' }),
    };
    cluster = stack.use(await openBridgeCluster({ servers }));
  });
  after(() => stack.disposeAsync());
  const at = (edge: number, server: string) => cluster.url(server, edge);

  for (const server of ['legacy', 'modern']) {
    it(`${server}: three listeners at three edges hear a change`, async () => {
      const streams = await Promise.all([0, '', '1'].map((id, edge) => listen(at(edge, server), id, { toolsListChanged: true })));
      await told(at(0, server), call(1, 'test_trigger_tool_change'));
      for (const stream of streams) await stream.message('the change', is(TOOLS));
      for (const [edge, stream] of streams.entries()) {
        for (const frame of stream.messages()) assert.deepEqual(subscriptionOf(frame), [0, '', '1'][edge]);
        await stream.drop();
      }
    });
  }

  for (const server of ['hostile', 'hostile-modern']) {
    it(`${server}: listeners of a resource hear at every edge what the server sees`, async () => {
      const streams = await Promise.all(
        [0, 1, 2].map((edge) => listen(at(edge, server), edge, { resourceSubscriptions: ['file:///watched'] })),
      );
      // The subscription itself is not acknowledged by a 2025 server before the bridge acknowledges the listener.
      await told(at(0, server), call(1, 'echo'));
      await appendFile(watched, 'x');
      for (const [edge, stream] of streams.entries()) {
        const update = await stream.message('the update', is(UPDATED));
        assert.equal(update.params?.['uri'], 'file:///watched');
        assert.equal(subscriptionOf(update), edge);
        await stream.drop();
      }
    });

    it(`${server}: changes that every worker's processes report are heard`, async () => {
      await using stream = await listen(at(0, server), 1, { toolsListChanged: true });
      for (let edge = 0; edge < 6; edge++) {
        const heard = stream.messages().filter(is(TOOLS)).length;
        await told(at(edge, server), call(1, 'notify', { method: TOOLS }));
        await stream.events.next(`change ${edge + 1}`, () => stream.messages().filter(is(TOOLS)).length > heard);
      }
    });
  }

  it('a listener at an edge whose worker dies is told, or hears on', async () => {
    const streams = await Promise.all([0, 1, 2].map((edge) => listen(at(edge, 'hostile'), edge, { toolsListChanged: true })));
    const notify = async (edge: number): Promise<void> => {
      if (wasInFlight(await told(at(edge, 'hostile'), call(1, 'notify', { method: TOOLS })))) await notify(edge);
    };
    cluster.workers[0]!.kill('SIGKILL');
    await cluster.workers[0]!.exited;
    // Those at the other worker hear the change; those whose worker died are at their end, and may listen again.
    const outcomes = await Promise.all(
      streams.map(async (stream, edge) => {
        const ended = stream.ended.then(() => 'ended');
        const heard = stream.message('a change', is(TOOLS), 15_000).then(
          () => 'heard',
          () => ended,
        );
        await notify(edge);
        return Promise.race([ended, heard]);
      }),
    );
    assert.ok(outcomes.every((outcome) => ['ended', 'heard'].includes(outcome)));
    await using again = await listen(at(0, 'hostile'), 'again', { toolsListChanged: true });
    await told(at(1, 'hostile'), call(1, 'notify', { method: TOOLS }));
    await again.message('a change', is(TOOLS));
    for (const stream of streams) await stream.drop();
  });
});
