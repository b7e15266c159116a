/**
 * Each check of an invariant finds what it is there for: fed with a forged violation it names it, fed with evidence
 * of a good run it is silent.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Entry } from '../harness/ledger.ts';
import type { ChildLife, Scan } from './census.ts';
import { allTold, keptPromises, oneOutcome, onceEach, orderly, ownOnly } from './invariants/calls.ts';
import { cleanStarts, oneChild, onlyOwners, orphans } from './invariants/children.ts';
import { accounted, backToStart, endsAreFinal, nothingLeft, oneSubscriber, peak, withinLimits } from './invariants/counts.ts';
import { bounded, kept, quietRefusals } from './invariants/leaks.ts';
import type { Violation } from './invariants/violation.ts';
import type { KvDump } from './kv.ts';
import type { CallRecord, Heard, SessionRecord } from './records.ts';
import type { Happening } from './unit.ts';

const call = (change: Partial<CallRecord> = {}): CallRecord => ({
  ...{ client: 'c1', session: 'c1-1', server: 'steady', tool: 'echo', nonces: ['c1-1.1'], edges: [], own: 0 },
  ...{ began: 1_000, ended: 1_100, outcome: 'ok', retried: 0, resumed: 0, finals: 1 },
  ...change,
});
const entry = (change: Partial<Entry> = {}): Entry => ({ pid: 7, at: 1_050, method: 'tools/call', nonce: 'c1-1.1', ...change });
const child = (change: Partial<ChildLife> = {}): ChildLife => ({
  ...{ pid: 7, worker: 'wA', session: 's1', epoch: 1, root: true, born: 0 },
  ...change,
});
const scan = (at: number, ...live: readonly ChildLife[]): Scan => ({ at, live });
const did = (what: Happening['what'], at: number, id = 'wA'): Happening => ({ at, role: 'worker', name: 'worker 1', id, what });
const session = (change: Partial<SessionRecord> = {}): SessionRecord => ({
  ...{ client: 'c1', session: 'c1-1', server: 'steady', transport: 'streamable', id: '1..s1..', standing: false, opened: 0 },
  ...change,
});
const heard = (seq: number, change: Partial<Heard> = {}): Heard => ({
  session: 'c1-1',
  connection: 1,
  stream: 'x',
  seq,
  at: seq,
  ...change,
});
const dump = (change: Partial<KvDump> = {}): KvDump => ({
  workers: new Map([['wA', { sessions: 1 }]]),
  sessions: new Map([['s1', { owner: 'wA', epoch: 1 }]]),
  ...change,
});

/** Exactly these invariants are named. */
function names(violations: readonly Violation[], ...wanted: readonly string[]): void {
  assert.deepEqual(
    violations.map(({ invariant }) => invariant),
    wanted,
    JSON.stringify(violations),
  );
}

describe('checks of calls', () => {
  it('I6: silence, two answers, an outcome without an answer', () => {
    names(oneOutcome([call(), call({ outcome: 'error', finals: 0, reason: 'cluster.owner_lost' })]));
    names(oneOutcome([call({ outcome: 'silence', finals: 0 })]), 'I6');
    names(oneOutcome([call({ finals: 2 })]), 'I6');
    names(oneOutcome([call({ finals: 0 })]), 'I6');
  });

  it('I7: twice by one child or by two, after its outcome, answered by nobody', () => {
    names(onceEach([entry()], [call()], 20_000));
    names(onceEach([entry(), entry({ pid: 8 })], [call()], 20_000), 'I7');
    names(onceEach([entry(), entry()], [call()], 20_000), 'I7');
    const lost = call({ outcome: 'error', reason: 'cluster.owner_lost', executed: 'unknown' });
    names(onceEach([entry({ at: 5_000 })], [lost], 20_000));
    names(onceEach([entry({ at: 23_000 })], [lost], 20_000), 'I7');
    names(onceEach([], [call()], 20_000), 'I7');
    names(onceEach([entry({ nonce: 'c1-1.2' })], [call({ nonces: ['c1-1.1', 'c1-1.2'] })], 20_000));
  });

  it('I7: executed although refused with executed "no"', () => {
    const refused = call({ outcome: 'error', executed: 'no', status: 503 });
    names(keptPromises([], [refused]));
    names(keptPromises([entry()], [call({ outcome: 'error', executed: 'unknown' })]));
    names(keptPromises([entry()], [refused]), 'I7');
  });

  it('I8: something of another session, a wrong answer', () => {
    names(ownOnly([], [call()]));
    names(ownOnly([{ session: 'c1-1', at: 1, what: 'a message of c2-1' }], []), 'I8');
    names(ownOnly([], [call({ wrong: 'wanted a, got b' })]), 'I8');
  });

  it('I12: a double, a step back, a gap, also over two connections', () => {
    names(orderly([heard(0), heard(1), heard(2), heard(3, { connection: 2 }), heard(0, { stream: 'y' }), heard(1, { stream: 'y' })]));
    names(orderly([heard(0), heard(1), heard(1, { connection: 2 })]), 'I12');
    names(orderly([heard(0), heard(2), heard(1)]), 'I12');
    names(orderly([heard(0), heard(1), heard(3, { connection: 2 })]), 'I12');
    names(orderly([heard(5), heard(5, { session: 'c2-1' })]));
  });

  it('I12: numbered notifications that came twice or never', () => {
    const told = (said: readonly number[], got: readonly number[], one = session()) =>
      allTold({
        ticks: new Map([['c1-1', { said: new Map(said.map((tick) => [tick, 0])), heard: [...got], doubtful: new Set([9]) }]]),
        sessions: [one],
        calls: { items: [call()] },
        standing: { items: [{ session: 'c1-1', at: 5, what: 'attached', status: 200 }] },
      });
    names(told([1, 2], [1, 2, 3]));
    names(told([1], [1, 1]), 'I12');
    names(told([9], [9, 9]));
    names(told([1, 2], [1]), 'I12');
    names(told([1, 2], [1], session({ ended: 9, end: 'lost' })));
  });
});

describe('checks of children', () => {
  it('I1: two children of one epoch; two epochs, unless the older worker was helpless', () => {
    names(oneChild([scan(1, child()), scan(2, child({ pid: 8, epoch: 2, worker: 'wB' }))], []));
    names(oneChild([scan(1, child(), child({ pid: 8 }))], []), 'I1');
    names(oneChild([scan(1, child(), child({ pid: 8, root: false }))], []));
    const both = [scan(30_000, child(), child({ pid: 8, epoch: 2, worker: 'wB' }))];
    names(oneChild(both, []), 'I1');
    names(oneChild(both, [did('stopped', 9_000)]));
    names(oneChild(both, [did('killed', 9_000)]));
    names(oneChild(both, [did('stopped', 1_000), did('continued', 29_000)]));
    names(oneChild(both, [did('stopped', 1_000), did('continued', 2_000)]), 'I1');
    names(oneChild(both, [did('stopped', 29_000, 'wB')]), 'I1');
    names(oneChild(both, [did('parted', 1_000)]));
    names(oneChild(both, [did('parted', 1_000), did('healed', 2_000)]), 'I1');
    const nats = (what: Happening['what'], at: number, name: string): Happening => ({ at, role: 'nats', name, id: '', what });
    const all = (back: number) => ['n1', 'n2', 'n3'].flatMap((name) => [nats('killed', 1_000, name), nats('started', back, name)]);
    names(oneChild(both, [nats('killed', 1_000, 'n1'), nats('killed', 1_000, 'n2')]));
    names(oneChild(both, [nats('killed', 1_000, 'n1')]), 'I1');
    names(oneChild(both, all(29_000)));
    names(oneChild(both, all(2_000)), 'I1');
    names(oneChild(both, [nats('parted', 9_000, 'n1')]));
  });

  it('I9: a call for a child whose session has a later one', () => {
    const [old, heir] = [child({ gone: 9_000 }), child({ pid: 8, epoch: 2, worker: 'wB', born: 5_000 })];
    names(onlyOwners([entry({ at: 4_000 }), entry({ at: 6_000, pid: 8 })], [old, heir]));
    names(onlyOwners([entry({ at: 6_000 })], [old, heir]), 'I9');
    names(onlyOwners([entry({ at: 5_200 })], [old, heir]));
    // The number was given to another process since.
    names(onlyOwners([entry({ at: 12_000 })], [old, heir, child({ session: 's2', born: 11_000 })]));
  });

  it('I4: a child outlives its worker by more than 5 s, or its session by more than 6 s', () => {
    const nobody = new Map<number, number>();
    names(orphans([scan(5_900, child())], [did('killed', 1_000)], nobody));
    names(orphans([scan(6_100, child())], [did('killed', 1_000), did('ended', 1_010)], nobody), 'I4');
    const over = new Map([[7, 1_000]]);
    names(orphans([scan(6_900, child())], [], over));
    names(orphans([scan(7_100, child()), scan(7_400, child({ pid: 9 }))], [], over), 'I4');
    names(orphans([scan(7_100, child())], [did('stopped', 500)], over));
  });

  it('I13: a worker is started again beside what it left', () => {
    const journal = [did('started', 0), did('killed', 1_000), did('ended', 1_001), did('started', 2_000, 'wA2')];
    names(cleanStarts([scan(1_900, child()), scan(2_100, child({ worker: 'wA2' }))], journal));
    names(cleanStarts([scan(2_100, child())], journal), 'I13');
  });
});

describe('checks of counts', () => {
  it('I2: more sessions or children at one moment than a limit allows, of all or of one server', () => {
    const sessions = [session({ opened: 0, ended: 10 }), session({ opened: 10 }), session({ opened: 5, server: 'final' })];
    assert.deepEqual(peak(sessions), { most: 2, at: 5 });
    names(withinLimits({ total: 2, servers: { steady: 1, final: 1 } }, sessions, []));
    names(withinLimits({ total: 1 }, sessions, []), 'I2');
    names(withinLimits({ servers: { steady: 1 } }, [...sessions, session({ opened: 11 })], []), 'I2');
    names(withinLimits({ total: 1 }, [], [scan(1, child(), child({ pid: 8, session: 's2' }))]), 'I2');
    names(withinLimits({ total: 1 }, [], [scan(1, child(), child({ pid: 8, root: false }))]));
  });

  it('I3 and I5: counts, records, children and clients that differ', () => {
    const live = scan(1, child());
    names(accounted(dump(), live, [session()]));
    names(accounted(dump({ workers: new Map([['wA', { sessions: 2 }]]) }), live, [session()]), 'I3');
    names(accounted(dump({ workers: new Map() }), live, [session()]), 'I3');
    names(accounted(dump({ workers: new Map() }), scan(1), []));
    names(accounted(dump({ workers: new Map([['wA', { sessions: 0 }]]) }), scan(1), []), 'I5');
    names(accounted(dump({ sessions: new Map() }), live, [session()]), 'I5', 'I5');
    names(accounted(dump({ workers: new Map([['wA', { sessions: 0 }]]) }), scan(1), [session()]), 'I5', 'I3');
    names(accounted(dump({ sessions: new Map([['s1', { owner: 'wB', epoch: 2 }]]) }), live, [session()]), 'I1');
    names(accounted(dump(), live, []), 'I3');
  });

  it('I10: an ended session that answers', () => {
    names(endsAreFinal([{ session: 'c1-1', status: 404 }]));
    names(endsAreFinal([{ session: 'c1-1', status: 200 }]), 'I10');
  });

  it('I17: more descriptors or subscriptions than at the start; records or children that are left', () => {
    const held = (descriptors: number, subscriptions: number) => [{ name: 'edge 1', descriptors, subscriptions }];
    names(backToStart(held(20, 3), held(24, 3), 4));
    names(backToStart(held(20, 3), held(25, 3), 4), 'I17');
    names(backToStart(held(20, 3), held(20, 4), 4), 'I17');
    names(nothingLeft(dump({ sessions: new Map() }), scan(1)));
    names(nothingLeft(dump(), scan(1, child())), 'I17', 'I17');
  });

  it('I18: no subscriber for a process, or two', () => {
    const at = (node: string, ...subjects: readonly string[]) => ({ name: 'causeway-worker-wA:data', node, subjects });
    names(oneSubscriber([at('n1', 'cw.w.wA.>', 'cw.wr.wA.bus.>'), at('n2', 'cw.e.eA.g.*')], ['wA', 'eA']));
    names(oneSubscriber([at('n1', 'cw.wr.wA.bus.>')], ['wA']), 'I18');
    names(oneSubscriber([at('n1', 'cw.w.wA.>'), at('n2', 'cw.w.wA.>')], ['wA']), 'I18');
  });
});

describe('checks of what leaks', () => {
  it('I11: a process that has grown, or was too large at any time', () => {
    const before = [{ name: 'edge 1', now: 90, peak: 95 }];
    names(
      bounded(before, [
        { name: 'edge 1', now: 180, peak: 300 },
        { name: 'edge 2', now: 400, peak: 400 },
      ]),
    );
    names(bounded(before, [{ name: 'edge 1', now: 300, peak: 600 }]), 'I11', 'I11');
  });

  it('I14: a refusal that was none, that reached a worker, or started a child', () => {
    const asked = [{ what: 'a strange host', status: 403 }];
    const subjects = ['cw.w.a.alive', '$KV.cw_workers.a', '$KV.cw_sessions.generation', 'cw.er.b.bus.q.1'];
    names(quietRefusals({ asked, subjects, children: 0 }));
    names(quietRefusals({ asked: [{ what: 'a strange host', status: 200 }], subjects: ['cw.w.a.open'], children: 1 }), 'I14', 'I14', 'I14');
  });

  it('I15: a secret in a place', () => {
    const secrets = { 'a key': ['k3y'], none: [] };
    names(kept(secrets, [{ where: 'the log', text: 'all is well' }]));
    names(kept(secrets, [{ where: 'the log', text: 'hello k3y' }]), 'I15');
  });
});
