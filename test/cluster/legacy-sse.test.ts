/**
 * HTTP+SSE on a cluster: the stream on one edge, each message posted at the next; the end of the stream, by the
 * client or with its edge, is the end of the child, wherever that runs.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { hostile } from '../harness/processes.ts';
import { openStream, post, textOf, toolCall, type Message, type OpenStream } from '../harness/speak.ts';
import { quickest, within } from '../harness/within.ts';

describe('HTTP+SSE over several edges', () => {
  const stack = new AsyncDisposableStack();
  let life: Lifeline;
  let cluster: BridgeCluster;
  /** Edges that are. */
  const gone = new Set<number>();
  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    cluster = stack.use(await openBridgeCluster({ servers: { hostile: hostile(life.env) } }));
  });
  after(() => stack.disposeAsync());

  async function open(
    edge: number,
  ): Promise<{ stream: OpenStream; call: (message: Message) => Promise<Message>; send: (message: Message) => Promise<void>; pid: number }> {
    const stream = await openStream(`${cluster.bases[edge]}/servers/hostile/sse`);
    const { data } = await stream.events.next('the endpoint', ({ event }) => event === 'endpoint');
    const { pathname, search } = new URL(data, `${cluster.bases[edge]}/servers/hostile/sse`);
    let turn = edge;
    const send = async (message: Message) => {
      do turn += 1;
      while (gone.has(turn % cluster.bases.length));
      const answer = await post(`${cluster.bases[turn % cluster.bases.length]}${pathname}${search}`, message);
      assert.equal(answer.status, 202, answer.text);
    };
    const call = async (message: Message) => {
      await send(message);
      return stream.message(`the answer to ${JSON.stringify(message.id)}`, ({ id, method }) => method === undefined && id === message.id);
    };
    await call({
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2024-11-05', capabilities: { sampling: {} }, clientInfo: { name: 'old', version: '1' } },
    });
    await send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    const { pid } = JSON.parse(textOf(await call(toolCall('pid', 'pid')))!) as { pid: number };
    return { stream, call, send, pid };
  }

  it('calls, progress and questions whose messages each arrive at another edge', async () => {
    const { stream, call, send } = await open(0);
    for (let nth = 1; nth <= 30; nth++) assert.equal(textOf(await call(toolCall(nth, 'echo', { text: `e${nth}` }))), `e${nth}`);
    await call(toolCall('p', 'progress', { n: 100 }, { progressToken: 't' }));
    assert.deepEqual(
      stream.messages().flatMap(({ params }) => params?.['progress'] ?? []),
      Array.from({ length: 100 }, (_, at) => at + 1),
    );
    await send(toolCall('q', 'ask', { kind: 'sampling' }));
    const question = await stream.message('the question', ({ method }) => method === 'sampling/createMessage');
    await send({
      jsonrpc: '2.0',
      id: question.id,
      result: { model: 'm', role: 'assistant', content: { type: 'text', text: 'elsewhere' } },
    });
    assert.match(textOf(await stream.message('the result', ({ id }) => id === 'q')) ?? '', /elsewhere/);
    await stream.drop();
  });

  it('the end of the stream ends the child at its worker within 100 ms', async () => {
    const ms = await quickest(100, async () => {
      const { stream, pid } = await open(1);
      const died = life.died(pid, 8_000);
      const began = performance.now();
      await stream.drop();
      return (await died).at - began;
    });
    assert.ok(ms < 100, `${Math.round(ms)} ms`);
  });

  it('the death of the edge that holds the stream ends the child', async () => {
    const { stream, pid } = await open(2);
    const died = life.died(pid, 30_000);
    gone.add(2);
    cluster.edges[2]!.kill('SIGKILL');
    await stream.ended;
    await died;
  });

  it('an edge that is told to leave has what was posted elsewhere answered, then the session ends', async () => {
    const { stream, send, pid } = await open(1);
    const died = life.died(pid, 8_000);
    await send(toolCall('slow', 'sleep', { ms: 1_500, text: 'finished' }));
    gone.add(1);
    cluster.edges[1]!.kill('SIGTERM');
    assert.equal(textOf(await stream.message('the answer', ({ id }) => id === 'slow')), 'finished');
    await stream.ended;
    await died;
    assert.equal((await within(15_000, 'the end of the edge', cluster.edges[1]!.exited)).code, 0);
  });

  it('an edge and all workers that are told to leave together end without waiting for each other', async () => {
    const { stream, pid } = await open(0);
    const died = life.died(pid, 8_000);
    const leaving = [cluster.edges[0]!, ...cluster.workers];
    for (const one of leaving) one.kill('SIGTERM');
    await stream.ended;
    await died;
    for (const { exited } of leaving) assert.equal((await within(8_000, 'the end of a process', exited)).code, 0);
  });
});
