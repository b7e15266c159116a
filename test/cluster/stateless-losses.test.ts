/**
 * Calls without a session while NATS servers are killed, one after the other: what was on its way there, up or down, is sent once
 * more, and runs once.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openBridgeCluster, type BridgeCluster } from '../harness/cluster.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile } from '../harness/processes.ts';
import { textOf } from '../harness/speak.ts';
import { ask, call } from '../harness/stateless.ts';

/** So few, and milliseconds between the calls of each: what a worker answers while an edge is on its way back is among its last 128 answers. */
const AT_ONCE = 4;
const PAUSE = 25;

describe('calls without a session and lost servers of NATS', () => {
  const stack = new AsyncDisposableStack();
  const ledger = stack.use(openLedger());
  let life: Lifeline;
  let cluster: BridgeCluster;
  before(async () => {
    life = stack.use(await openLifeline());
    stack.defer(() => life.none(8_000));
    cluster = stack.use(await openBridgeCluster({ servers: { hostile: hostile({ ...life.env, ...ledger.env, ERA: 'modern' }) } }));
  });
  after(() => stack.disposeAsync());

  it('each is answered, or refused before it has run; none runs twice', async (t) => {
    const answered = new Set<string>();
    const refused = new Map<string, unknown>();
    let over = false;
    let next = 0;
    const client = async (): Promise<void> => {
      while (!over) {
        const nth = next++;
        const nonce = `n${nth}`;
        const { messages } = await ask(cluster.url('hostile', nth), call(nth, 'echo', { text: nonce, nonce }));
        const last = messages.at(-1);
        if (last?.error) refused.set(nonce, last.error.data);
        else answered.add(textOf(last)!);
        await sleep(PAUSE);
      }
    };
    const clients = Array.from({ length: AT_ONCE }, client);
    for (const node of cluster.nats.nodes) {
      await sleep(1_500);
      await node.kill();
      await sleep(500);
      await node.restart();
    }
    await sleep(1_500);
    over = true;
    await Promise.all(clients);
    t.diagnostic(`${answered.size} answered, ${refused.size} refused`);
    for (const [nonce, data] of refused) assert.equal((data as { executed?: string }).executed, 'no', `${nonce}: ${JSON.stringify(data)}`);
    const ran = (await ledger.entries()).flatMap(({ nonce }) => nonce ?? []);
    assert.equal(new Set(ran).size, ran.length, 'nothing ran twice');
    assert.deepEqual(
      ran.filter((nonce) => refused.has(nonce)),
      [],
      'nothing ran that was refused',
    );
  });
});
