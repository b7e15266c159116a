/**
 * `warm`: processes of a server that are started before anybody asks. Who gets them, and that as many are there again,
 * however they went.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openLifeline, type Lifeline } from '../harness/children.ts';
import { openLedger } from '../harness/ledger.ts';
import { hostile, openCauseway, type Causeway } from '../harness/processes.ts';
import { hello, openCall, post, textOf, toolCall, type Message } from '../harness/speak.ts';
import { ask, call } from '../harness/stateless.ts';

const PID = call(1, 'pid');
const pidIn = (message: Message | undefined): number => (JSON.parse(textOf(message)!) as { pid: number }).pid;

/** A bridge with one server, and its processes once there are `n`. */
async function waiting(life: Lifeline, n: number, settings: Readonly<Record<string, unknown>> = {}): Promise<Causeway> {
  const server = hostile(life.env, { era: 'legacy', warm: n, ...settings });
  const bridge = await openCauseway('run', { servers: { hostile: server }, args: ['--no-probe'] });
  await life.holders(n);
  return bridge;
}

describe('spare processes', { concurrency: 3 }, () => {
  it('a session takes one that was there, another is started in its place, and nothing is left at the end', async () => {
    await using life = await openLifeline();
    {
      await using bridge = await waiting(life, 2);
      const before = new Set(life.alive);
      const { headers } = await hello(bridge.url('hostile'));
      const pid = pidIn((await post(bridge.url('hostile'), toolCall(1, 'pid'), headers)).messages.at(-1));
      assert.ok(before.has(pid), `${pid} is none of ${[...before].join()}`);
      await life.holders(3);
      const died = life.died(pid, 8_000);
      await fetch(bridge.url('hostile'), { method: 'DELETE', headers });
      await died;
      assert.equal(life.events.items.filter(({ kind }) => kind === 'born').length, 3, 'it is not used again');
    }
    await life.none(8_000);
  });

  it('a call without a session takes one as well, and keeps it in its pool', async () => {
    await using life = await openLifeline();
    await using bridge = await waiting(life, 1);
    const [spare] = life.alive;
    assert.equal(pidIn((await ask(bridge.url('hostile'), PID)).messages.at(-1)), spare);
    await life.holders(2);
    assert.equal(pidIn((await ask(bridge.url('hostile'), PID)).messages.at(-1)), spare);
    assert.equal(life.alive.size, 2);
  });

  it('finding out the era of a server takes one, and so does the call that waits for it', async () => {
    await using life = await openLifeline();
    await using bridge = await waiting(life, 2, { era: 'auto' });
    const before = new Set(life.alive);
    assert.ok(before.has(pidIn((await ask(bridge.url('hostile'), PID)).messages.at(-1))));
  });

  it('one that is killed is replaced', async () => {
    await using life = await openLifeline();
    await using _bridge = await waiting(life, 1);
    const [spare] = life.alive;
    process.kill(spare!, 'SIGKILL');
    await life.events.next('another one', ({ kind, pid }) => kind === 'born' && pid !== spare);
  });

  it('sessions at the same time each have one of their own, also beyond the spares', async () => {
    await using life = await openLifeline();
    await using bridge = await waiting(life, 2);
    const url = bridge.url('hostile');
    const sessions = await Promise.all(Array.from({ length: 6 }, () => hello(url)));
    const pids = await Promise.all(
      sessions.map(async ({ headers }) => pidIn((await post(url, toolCall(1, 'pid'), headers)).messages.at(-1))),
    );
    assert.equal(new Set(pids).size, 6);
    await life.holders(8);
  });

  it('spares hold no place under the limits', async () => {
    await using life = await openLifeline();
    await using bridge = await waiting(life, 3, { limits: { sessions: 1 } });
    await hello(bridge.url('hostile'));
    await life.holders(4);
  });

  it('of a server that ends at once few are started, and the bridge serves all the same', async () => {
    await using life = await openLifeline();
    const ledger = openLedger();
    const failing = hostile({ ...ledger.env, CRASH_AT_START: '3' }, { warm: 4 });
    {
      const servers = { failing, hostile: hostile(life.env, { warm: 1 }) };
      await using bridge = await openCauseway('run', { servers, args: ['--no-probe'] });
      const ended = () => bridge.logs.items.filter(({ msg }) => msg === 'spare child ended').length;
      await bridge.logs.next('five that ended', () => ended() >= 5);
      await hello(bridge.url('hostile'));
      assert.ok((await ledger.starts()) <= 9, `${await ledger.starts()} starts`);
    }
    await ledger[Symbol.asyncDispose]();
  });

  it('a worker that shuts down has none any more, while a call still runs', async () => {
    await using life = await openLifeline();
    await using bridge = await waiting(life, 2);
    const url = bridge.url('hostile');
    const { headers } = await hello(url);
    await life.holders(3);
    const pid = pidIn((await post(url, toolCall(1, 'pid'), headers)).messages.at(-1));
    await using running = await openCall(url, toolCall(2, 'sleep', { ms: 1_500, text: 'done' }), headers);
    const spares = [...life.alive].filter((one) => one !== pid);
    bridge.kill('SIGTERM');
    for (const spare of spares) await life.died(spare, 1_400);
    assert.ok(life.alive.has(pid));
    assert.equal(textOf(await running.message('the answer', ({ id }) => id === 2)), 'done');
    assert.equal((await bridge.exited).code, 0);
    await life.none(1_000);
    assert.equal(life.events.items.filter(({ kind }) => kind === 'born').length, 3);
  });
});
