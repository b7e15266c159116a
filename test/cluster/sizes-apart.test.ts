/**
 * An edge and a worker that are configured for different sizes: what one sends and the other does not take in is a definite
 * error at once, in both directions, and all else goes on.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startNats } from '@causeway/cluster';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, openStream, post, textOf, toolCall } from '../harness/speak.ts';
import { ask, call } from '../harness/stateless.ts';
import { timed, within } from '../harness/within.ts';

const LARGE = 2_000_000;
/** Milliseconds in which an error is told that needs nothing to be waited for. */
const SOON = 5_000;

const LESS = { streams: { maxMessage: '512KiB' } };

/** The edge of one and one worker on a nats-server, each with settings of its own. */
async function openPair(
  stack: AsyncDisposableStack,
  { worker = {}, edge = {} }: Partial<Record<'worker' | 'edge', Readonly<Record<string, unknown>>>>,
): Promise<Causeway> {
  const { urls } = stack.use(await startNats({ nodes: 1 }));
  const args = ['--nats', urls[0]!];
  stack.use(await openCauseway('worker', { args, servers: { hostile: hostile() }, config: worker }));
  return stack.use(await openCauseway('edge', { args, config: edge }));
}

describe('an edge that takes in less than its worker sends', () => {
  const stack = new AsyncDisposableStack();
  let edge: Causeway;
  before(async () => {
    edge = await openPair(stack, { edge: LESS });
  });
  after(() => stack.disposeAsync());

  it('tells the client of an answer above its limit, and goes on', async () => {
    const url = edge.url('hostile');
    const { headers } = await hello(url);
    const { ms, value } = await timed(() => post(url, toolCall('big', 'big', { bytes: LARGE }), headers, 2 * SOON));
    assert.equal(value.messages.at(-1)?.error?.data?.['reason'], 'server.reply_too_large');
    assert.equal(value.messages.at(-1)?.id, 'big');
    assert.ok(ms < SOON, `${ms} ms`);
    assert.equal(textOf((await post(url, toolCall(2, 'echo', { text: 'on' }), headers)).messages.at(-1)), 'on');
  });

  it('does so without a session too', async () => {
    const answer = await ask(edge.url('hostile'), call('big', 'big', { bytes: LARGE }));
    assert.equal(answer.messages.at(-1)?.error?.data?.['reason'], 'server.reply_too_large');
  });

  it('ends a stream whose next message is above its limit: its client is not left waiting', async () => {
    const url = edge.url('hostile');
    const { headers } = await hello(url);
    const stream = await openStream(url, { headers });
    await post(url, toolCall(1, 'floodLater', { n: 1, bytes: LARGE }), headers);
    await within(SOON, 'the end of the stream', stream.ended);
  });
});

describe('a worker that takes in less than its edge sends', () => {
  const stack = new AsyncDisposableStack();
  let edge: Causeway;
  before(async () => {
    edge = await openPair(stack, { worker: LESS });
  });
  after(() => stack.disposeAsync());

  it('refuses a request above its limit for good, and goes on', async () => {
    const url = edge.url('hostile');
    const { headers } = await hello(url);
    const { ms, value } = await timed(() => post(url, toolCall(1, 'echo', { text: 'x'.repeat(LARGE) }), headers, 2 * SOON));
    assert.deepEqual([value.status, value.messages.at(-1)?.error?.data?.['reason']], [413, 'request.too_large']);
    assert.ok(ms < SOON, `${ms} ms`);
    assert.equal(textOf((await post(url, toolCall(2, 'echo', { text: 'on' }), headers)).messages.at(-1)), 'on');
  });

  it('does so without a session too', async () => {
    const answer = await ask(edge.url('hostile'), call(1, 'echo', { text: 'x'.repeat(LARGE) }));
    assert.deepEqual([answer.status, answer.messages.at(-1)?.error?.data?.['reason']], [413, 'request.too_large']);
  });
});
