/** A request without a session whose way is lost: it is sent again where its worker has not heard of it, and nowhere else. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { openMemoryCluster, type DownHead } from '@causeway/cluster';
import { ANONYMOUS, newEdgeId, OWN_META, readClientBody, requestOf } from '@causeway/protocol';
import { fakeTime, silentLog } from '@causeway/runtime';
import { openContext } from '../../src/open-context.ts';
import { StatelessCall } from '../../src/session/stateless-call.ts';
import { edgeOptions } from '../edge-options.ts';
import { scriptedWorker } from '../scripted-worker.ts';

const ANSWER = '{"jsonrpc":"2.0","id":1,"result":{}}';
const UNKNOWN: DownHead = { t: 'no', reason: 'request.event_id' };

/** A request that a worker has been sent, at an edge that then loses its connection for a moment. */
async function lost(t: TestContext) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const cluster = stack.use(await openMemoryCluster());
  const [worker, other] = [
    stack.use(await scriptedWorker(cluster, () => undefined)),
    stack.use(await scriptedWorker(cluster, () => undefined)),
  ];
  const deps = { id: newEdgeId(), cluster, log: silentLog(), random: () => 0, ...fakeTime() };
  const edge = await openContext(stack, deps, edgeOptions);
  const body = readClientBody(requestOf(1, 'tools/list', `{"_meta":${OWN_META}}`));
  assert.ok(body.kind === 'single');
  const { frame } = body;
  const told: string[] = [];
  const call = new StatelessCall(
    edge,
    { server: 'echo', identity: ANONYMOUS, frame, params: frame.params!, meta: frame.claim!, deadline: 60_000 },
    {
      message: (_head, bytes) => told.push(bytes.toString()),
      admitted: () => told.push('admitted'),
      failed: ({ reason }) => told.push(reason),
      ended: () => told.push('ended'),
    },
  );
  const pass = async (): Promise<void> => {
    for (let nth = 0; nth < 10; nth += 1) await turn();
  };
  call.ask();
  await pass();
  const [asked, idle] = worker.heard.length > 0 ? [worker, other] : [other, worker];
  const lose = async (): Promise<void> => {
    cluster.setConnected(false);
    cluster.setConnected(true);
    await pass();
  };
  await lose();
  const heard = () => asked.heard.filter(({ head }) => head.t !== 'alive');
  return { asked, idle, heard, told, pass, lose, calls: () => heard().flatMap(({ head }) => (head.t === 'call' ? [head] : [])) };
}

test('a worker that has not heard of it is sent it once more, as the same', async (t) => {
  const { asked, heard, calls, told, pass } = await lost(t);
  const { head, reply } = heard()[1]!;
  assert.equal(head.t, 'attach');
  asked.say(reply, UNKNOWN);
  await pass();
  const [first, again, ...more] = calls();
  assert.deepEqual([{ ...again, stamp: 0 }, more], [{ ...first, again: true, stamp: 0 }, []]);
  asked.say(reply, { t: 'server', seq: 1, last: true }, ANSWER);
  await pass();
  assert.deepEqual(told, [ANSWER]);
});

test('what it then refuses may have come before: nothing is known of it, and nobody else is asked', async (t) => {
  for (const reason of ['cluster.owner_lost', 'limit.worker'] as const) {
    const { asked, idle, heard, calls, told, pass } = await lost(t);
    const { reply } = heard()[1]!;
    asked.say(reply, UNKNOWN);
    await pass();
    asked.say(reply, { t: 'no', reason });
    await pass();
    assert.deepEqual(told, ['cluster.owner_lost']);
    assert.equal(calls().length, 2);
    assert.equal(idle.heard.filter(({ head }) => head.t === 'call').length, 0);
  }
});

test('it is sent once more at most', async (t) => {
  const { asked, heard, calls, told, pass, lose } = await lost(t);
  asked.say(heard()[1]!.reply, UNKNOWN);
  await pass();
  await lose();
  asked.say(heard().at(-1)!.reply, UNKNOWN);
  await pass();
  assert.deepEqual(told, ['cluster.owner_lost']);
  assert.equal(calls().length, 2);
});
