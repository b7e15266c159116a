/**
 * A server that takes its time before it reads anything, as one does that `npx` has to download first. Its client hears
 * that it is waited for, and the start goes on when the client does not wait.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openCauseway, type Causeway } from '../harness/processes.ts';
import { openCall, textOf, type Message } from '../harness/speak.ts';
import { ask, call, openAsk, request } from '../harness/stateless.ts';

const HOSTILE = fileURLToPath(new URL('../fixtures/hostile.mjs', import.meta.url));
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 'slow',
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
};
const CALL = call('slow', 'pid');
const DISCOVER = request('slow', 'server/discover');
const pidIn = (message: Message | undefined): number => (JSON.parse(textOf(message)!) as { pid: number }).pid;

/** A bridge in front of one server that sleeps for 4 s before it reads, or before it fails. */
async function slow(life: Lifeline, era: string, fails = ''): Promise<Causeway> {
  const script = `sleep 4; ${fails} exec '${process.execPath}' '${HOSTILE}'`;
  const servers = { slow: { command: '/bin/sh', args: ['-c', script], env: life.env, era } };
  return openCauseway('run', { servers, config: { streams: { heartbeat: '1s' } }, args: ['--no-probe'] });
}

describe('a server that starts slowly', { concurrency: 7 }, () => {
  it('the client that opens a session hears heartbeats until it is open', async () => {
    await using life = await openLifeline();
    await using bridge = await slow(life, 'legacy');
    await using opening = await openCall(bridge.url('slow'), INITIALIZE);
    assert.equal(opening.status, 200);
    const answer = await opening.message('the answer', ({ id }) => id === 'slow');
    assert.match(JSON.stringify(answer.result), /"name":"hostile"/);
    assert.ok(opening.comments.length >= 1, 'no heartbeat');
    assert.ok(opening.headers.get('mcp-session-id'));
  });

  it('a session whose client has left meanwhile begins, and ends then', async () => {
    await using life = await openLifeline();
    await using bridge = await slow(life, 'legacy');
    const opening = await openCall(bridge.url('slow'), INITIALIZE);
    await opening.drop();
    const { pid } = await life.events.next('the child', ({ kind }) => kind === 'born');
    await life.died(pid, 8_000);
    await bridge.logs.next('that it was open', ({ msg }) => msg === 'session opened');
  });

  for (const era of ['legacy', 'auto']) {
    it(`the client of a call without a session hears heartbeats until it is answered (era: ${era})`, async () => {
      await using life = await openLifeline();
      await using bridge = await slow(life, era);
      await using asked = await openAsk(bridge.url('slow'), CALL);
      assert.equal(asked.status, 200);
      const answer = await asked.message('the answer', ({ id }) => id === 'slow');
      await life.holds(pidIn(answer));
      assert.ok(asked.comments.length >= 1, 'no heartbeat');
    });
  }

  it('the client that asks what a server is hears heartbeats until it is told', async () => {
    await using life = await openLifeline();
    await using bridge = await slow(life, 'legacy');
    await using asked = await openAsk(bridge.url('slow'), DISCOVER);
    const answer = await asked.message('the answer', ({ id }) => id === 'slow');
    assert.deepEqual(answer.result?.['supportedVersions'], ['2026-07-28']);
    assert.ok(asked.comments.length >= 1, 'no heartbeat');
    const again = await ask(bridge.url('slow'), DISCOVER);
    assert.match(again.headers.get('content-type') ?? '', /^application\/json/);
    assert.deepEqual(again.messages[0]?.result, answer.result);
  });

  it('whoever is told in a stream what a server is, and it fails, sees the stream break off: no error of an old server', async () => {
    await using life = await openLifeline();
    await using bridge = await slow(life, 'legacy', 'exit 3;');
    await using asked = await openAsk(bridge.url('slow'), DISCOVER);
    await asked.ended;
    assert.deepEqual(asked.messages(), []);
    await bridge.logs.next('the refusal', ({ msg, reason }) => msg === 'request refused' && reason === 'server.start_failed');
  });

  it('a child whose caller has left meanwhile serves the next one', async () => {
    await using life = await openLifeline();
    await using bridge = await slow(life, 'legacy');
    const asked = await openAsk(bridge.url('slow'), CALL);
    await asked.drop();
    const { pid } = await life.events.next('the child', ({ kind }) => kind === 'born');
    assert.equal(pidIn((await ask(bridge.url('slow'), CALL)).messages.at(-1)), pid);
  });
});
