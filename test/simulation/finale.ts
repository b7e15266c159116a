/** Owns what must hold in the end, when everything has healed. */
import assert from 'node:assert/strict';
import { encode } from '@causeway/cluster';
import type { EdgeId } from '@causeway/protocol';
import type { Known, Outcome } from './judge.ts';
import type { Stage } from './stage.ts';

/** Endings after which nobody takes a session over. */
const FINAL: ReadonlySet<string> = new Set(['child_exit', 'revoked', 'delete']);
/** Attempts, a second apart, in which what has healed must answer. */
const TRIES = 30;

/** Whatever was not ended is served, by the owner that the record names; what is counted is what lives. */
export async function assertServed(stage: Stage): Promise<void> {
  const { judge, world, edges, running } = stage;
  const calls = [...judge.sessions.values()].map(async (session) => [session, await callUntilAnswered(stage, session)] as const);
  for (const [session, outcome] of await settle(stage, calls)) {
    const { token, name } = session;
    const living = judge.living(token);
    if (judge.isDeleted(session)) {
      assert.ok(outcome.kind === 'error' && outcome.status === 404, `${name} was deleted, and answers ${JSON.stringify(outcome)}`);
    } else if (outcome.kind === 'answer') {
      const { child } = judge.run(outcome.nonce)!;
      const record = world.records.get(token);
      assert.deepEqual([record?.owner, record?.epoch], [child.worker.member.id, child.epoch], `${name} is served by whom its record names`);
      assert.ok(living.length === 1 && living[0] === child, `${name} has one child`);
    } else {
      // Others may have had its place when its owner was lost.
      const full = outcome.kind === 'error' && outcome.reason.startsWith('limit.');
      assert.ok(full || mayBeOver(stage, session), `${name} is lost: ${JSON.stringify(outcome)}`);
      assert.equal(living.length, 0, `${name} is over and has no child: ${JSON.stringify(outcome)}`);
    }
  }
  const records = [...edges[0]!.member.ledger.workers().values()];
  const counted = records.reduce((sum, { sessions }) => sum + sessions, 0);
  assert.equal(records.length, running.length, 'nobody else is counted');
  assert.equal(counted, judge.children.filter(({ state }) => state === 'running').length, 'what is counted is what lives');
}

/** When every session is ended nothing of them is left anywhere. */
export async function assertNothingLeft(stage: Stage): Promise<void> {
  const { judge, world, edges, running } = stage;
  const sessions = [...judge.sessions.values()];
  for (const status of await settle(
    stage,
    sessions.map((session) => deleteUntilAnswered(stage, session)),
  ))
    assert.match(status, /^(200|404)/);
  // Sessions whose edge died before it could name them to their client are ended as an operator ends them.
  const { bus, subjects } = edges[0]!.member.cluster;
  for (const { token, worker } of judge.children)
    bus.publish(subjects.control(worker.member.id), encode({ t: 'end', session: token }), subjects.edgeInbox('e' as EdgeId));
  await stage.run(20_000);
  assert.equal(judge.children.length, 0, 'no child is left');
  for (const { name, token } of sessions) assert.equal(world.records.get(token), undefined, `${name} has no record any more`);
  for (const { wheel, member } of running) {
    // Its pulse, and the look at the records, if it does not look just now.
    assert.ok(wheel.size <= 2, 'no timer is left at a worker');
    assert.deepEqual({ ...member.ledger.workers().get(member.id)?.holds }, {}, 'no place is held');
  }
  for (const { wheel } of edges) assert.equal(wheel.size, 0, 'no timer is left at an edge');
}

/** A session may be over for a reason that nobody could help. */
function mayBeOver({ chronicle, judge }: Stage, known: Known): boolean {
  const { ending, token, server } = known;
  const reasons = chronicle.endings.get(token.slice(0, 8));
  return ending || server === 'once' || judge.mayBeForgotten(known) || (reasons !== undefined && !FINAL.isDisjointFrom(reasons));
}

async function callUntilAnswered(stage: Stage, session: Known): Promise<Outcome> {
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await stage.clients.call(stage.edge(), session);
    if (outcome.kind !== 'error' || !outcome.retryable || attempt === TRIES) return outcome;
    await pause(stage);
  }
}

async function deleteUntilAnswered(stage: Stage, session: Known): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    const status = await stage.clients.delete(stage.edge(), session);
    if (!/^50[34]/.test(status) || attempt === TRIES) return status;
    await pause(stage);
  }
}

const pause = ({ world }: Stage): Promise<void> => new Promise((resolve) => world.time.after(1_000, resolve));

/** Lets time pass until everything has its outcome. */
async function settle<T>(stage: Stage, waiting: readonly Promise<T>[]): Promise<readonly T[]> {
  const all = Promise.all(waiting);
  const settled = { is: false };
  all.finally(() => (settled.is = true)).catch(() => undefined);
  for (let step = 0; step < 60 && !settled.is; step += 1) await stage.run(5_000);
  assert.ok(settled.is, 'everything has its outcome in time');
  return all;
}
