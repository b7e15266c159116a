/** Ways between NATS servers that are reset: beyond them nobody is found any more, while whoever is on one side goes on with whom is there too. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { assertNoneWith, livingWith } from '../../../harness/children.ts';
import { openLedger, type Ledger } from '../../../harness/ledger.ts';
import { hostile, MARK, openCauseway, type Causeway } from '../../../harness/processes.ts';
import { hello, post, textOf, toolCall, type Headers } from '../../../harness/speak.ts';
import { until } from '../../../harness/within.ts';
import { openEye } from '../../kv.ts';
import { startTrio, type NatsTrio } from '../../nats.ts';
import type { NatsNode } from '../../nats-node.ts';

/** Milliseconds of the split: beyond an owner's right, which lasts 14 s without the stores. */
const SPLIT = 16_000;
const EVERY = 200;
/** What a worker logs when its right is in doubt. */
const DOUBT = 'cut off from the others';

interface Side {
  readonly worker: Causeway;
  readonly edge: Causeway;
}

/** What became of a call: the process that answered it, or the refusal. */
interface Outcome {
  readonly nonce: string;
  readonly pid?: number;
  readonly executed?: unknown;
}

describe('a NATS server whose ways to the others are reset', () => {
  const stack = new AsyncDisposableStack();
  const mark = randomUUID();
  let ledger: Ledger;
  let nats: NatsTrio;
  let apart: NatsNode;
  let here: Side;
  let there: Side;

  before(async () => {
    stack.defer(() => assertNoneWith(MARK, mark));
    ledger = stack.use(openLedger());
    nats = stack.use(await startTrio({ splittable: true, telling: true }));
    const servers = { steady: hostile(ledger.env, { requestTimeout: 5 }) };
    const open = async (role: 'worker' | 'edge', node: NatsNode) =>
      stack.use(await openCauseway(role, { args: ['--nats', `nats://${node.address}`], mark, ...(role === 'worker' ? { servers } : {}) }));
    const side = async (node: NatsNode): Promise<Side> => ({ worker: await open('worker', node), edge: await open('edge', node) });
    const [one, two] = nats.nodes as [NatsNode, NatsNode];
    const first = await side(one);
    await using eye = await openEye(nats.nodes);
    // The stores keep their leaders.
    const leaders = await Promise.all((['workers', 'sessions'] as const).map((bucket) => eye.leader(bucket)));
    apart = nats.nodes.find(({ name }) => !leaders.includes(name))!;
    const second = await side(apart === one ? two : apart);
    [here, there] = apart === one ? [first, second] : [second, first];
  });
  after(() => stack.disposeAsync());

  async function call({ edge }: Side, nonce: string, headers: Headers): Promise<Outcome> {
    const { messages } = await post(edge.url('steady'), toolCall(nonce, 'pid', { nonce }), headers, 30_000);
    const answer = messages.find(({ id }) => id === nonce) ?? messages.at(-1);
    const text = textOf(answer);
    if (text === undefined) return { nonce, executed: answer?.error?.data?.['executed'] };
    return { nonce, pid: (JSON.parse(text) as { pid: number }).pid };
  }

  /** A session of the worker that is about to be cut off. */
  const owned = () =>
    until(20_000, 'a session of that worker', async () => {
      const { headers } = await hello(here.edge.url('steady'));
      const { pid } = await call(here, randomUUID(), headers);
      const { ppid } = (await livingWith(MARK, mark)).find((one) => one.pid === pid)!;
      if (ppid === here.worker.pid) return { headers, former: pid! };
      return void (await fetch(here.edge.url('steady'), { method: 'DELETE', headers }));
    });

  it('F15 (reset) the ways of one server: its worker does nothing once another may have its sessions, and everything goes on when it is joined', async (t) => {
    const { headers, former } = await owned();
    nats.split(apart, 'reset');
    const struck = Date.now();
    const asked: Promise<Outcome>[] = [];
    for (let nth = 0; Date.now() - struck < SPLIT; nth += 1) {
      asked.push(call(here, `here ${nth}`, headers), call(there, `there ${nth}`, headers));
      await pause(EVERY);
    }
    nats.heal();
    const next = await until(20_000, 'an answer of the next owner', async () => {
      const { pid } = await call(here, randomUUID(), headers);
      return pid === former ? undefined : pid;
    });
    const outcomes = await Promise.all(asked);
    const runs = (await ledger.entries()).filter(({ nonce }) => nonce !== undefined);
    const [first = Infinity] = runs.filter(({ pid }) => pid === next).map(({ at }) => at);
    const last = Math.max(...runs.filter(({ pid }) => pid === former).map(({ at }) => at));
    t.diagnostic(
      `the next owner acts after ${first - struck} ms, the former one up to ${last - struck} ms: both for ${Math.max(0, last - first)} ms`,
    );
    assert.ok(Number.isFinite(first), 'somebody took the session over');
    assert.ok(last < first, `two owners act for ${last - first} ms`);
    assert.ok(
      here.worker.logs.items.some(({ msg = '' }) => msg.includes(DOUBT)),
      'the worker there says why',
    );
    const nonces = runs.map(({ nonce }) => nonce);
    assert.equal(new Set(nonces).size, nonces.length, 'nothing runs twice');
    for (const { nonce, executed } of outcomes) if (executed === 'no') assert.ok(!nonces.includes(nonce), `${nonce} ran`);
  });

  it('F04 (told) the leader of the records is killed: two of three go on, and no worker is in doubt', async () => {
    await using eye = await openEye(nats.nodes);
    const doubts = () => [here, there].flatMap(({ worker }) => worker.logs.items.filter(({ msg = '' }) => msg.includes(DOUBT))).length;
    const before = doubts();
    const leader = await eye.leader('workers');
    await nats.nodes.find(({ name }) => name === leader)!.kill();
    // Opening takes a place, and that a write.
    const opened = () => hello(there.edge.url('steady')).catch(() => undefined);
    await until(30_000, 'a new leader', opened);
    assert.equal(doubts(), before);
  });
});
