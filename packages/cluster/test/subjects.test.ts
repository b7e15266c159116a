import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EdgeId, SessionToken, WorkerId } from '@causeway/protocol';
import { matcher } from '../src/routes.ts';
import { subjects, tail } from '../src/subjects.ts';

const [W, E, S] = ['W1', 'E1', 'tok-en_1'] as [WorkerId, EdgeId, SessionToken];

describe('subjects', () => {
  const OWNED = { token: S, epoch: 3 };
  const { workerAll, open, control, alive, sessionIn, sessionControl, streamLost, workerInbox, edgeAll, stream, edgeInbox } = subjects();

  it('are pinned', () => {
    assert.deepEqual(
      [
        workerAll(W),
        open(W),
        control(W),
        alive(W),
        sessionIn(W, OWNED),
        sessionControl(W, OWNED),
        streamLost(W, OWNED, 'g1', 2, 7),
        workerInbox(W),
        edgeAll(E),
        stream(E, 'g1'),
        edgeInbox(E),
      ],
      [
        'cw.w.W1.>',
        'cw.w.W1.open',
        'cw.w.W1.ctl',
        'cw.w.W1.alive',
        'cw.w.W1.s.tok-en_1.3.in',
        'cw.w.W1.s.tok-en_1.3.ctl',
        'cw.w.W1.s.tok-en_1.3.lost.g1.2.7',
        'cw.wr.W1',
        'cw.e.E1.>',
        'cw.e.E1.g.g1',
        'cw.er.E1',
      ],
    );
    assert.equal(subjects('a.b').open(W), 'a.b.w.W1.open');
  });

  it('lie below the wildcard of their process, and inboxes do not', () => {
    const mine = matcher(workerAll(W));
    for (const subject of [open(W), control(W), alive(W), sessionIn(W, OWNED), sessionControl(W, OWNED), streamLost(W, OWNED, 'g', 1, 7)])
      assert.ok(mine(subject), subject);
    assert.ok(matcher(edgeAll(E))(stream(E, 'g')));
    for (const inbox of [workerInbox(W), edgeInbox(E)]) assert.ok(!mine(`${inbox}.x`) && !matcher(edgeAll(E))(`${inbox}.x`));
  });

  it('say what may travel together, and to where', () => {
    const { bundle, call, callControl, callLost, changed } = subjects('a.b');
    const names = subjects('a.b');
    for (const subject of [names.sessionIn(W, OWNED), names.sessionControl(W, OWNED), call(W), callControl(W, 'g1')])
      assert.equal(bundle(subject), 'a.b.w.W1.bundle', subject);
    assert.equal(bundle(names.stream(E, 'g1')), 'a.b.e.E1.bundle');
    const alone = [
      names.open(W),
      names.control(W),
      names.alive(W),
      changed(W),
      names.streamLost(W, OWNED, 'in', 1, 1),
      callLost(W, 'g1', 1, 1),
    ];
    for (const subject of [
      ...alone,
      names.edgeLost(W, E, 1),
      names.workerInbox(W),
      `${names.edgeInbox(E)}.bus.q.1`,
      'a.b.e.E1.bundle',
      'cw.w.W1.call',
      'a.b.w.call',
    ])
      assert.equal(bundle(subject), undefined, subject);
  });

  it('give back what stands below the wildcard', () => {
    assert.deepEqual(tail(sessionIn(W, OWNED), workerAll(W)), ['s', S, '3', 'in']);
    assert.deepEqual(tail(open(W), workerAll(W)), ['open']);
  });
});
