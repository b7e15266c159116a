import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { newWorkerId, type WorkerId } from '@causeway/protocol';
import type { WorkerRecord } from '../src/ledger.ts';
import { place } from '../src/placement.ts';

const worker = (change: Partial<WorkerRecord> = {}): WorkerRecord => ({
  v: 1,
  worker: newWorkerId(),
  host: 'h',
  version: '1',
  capacity: 10,
  sessions: 0,
  holds: {},
  draining: false,
  servers: { files: { default: true, recovery: 'restart' } },
  ...change,
});
const ask = (workers: readonly WorkerRecord[], change: Partial<Parameters<typeof place>[1]> = {}) =>
  place(workers, { server: 'files', pending: () => 0, except: new Set(), absence: () => undefined, random: Math.random, ...change });

describe('placement', () => {
  it('tells an unknown server, one that nobody serves now, and full workers apart', () => {
    assert.equal(ask([]), 'unknown');
    assert.equal(ask([worker({ servers: {} })]), 'unknown');
    assert.equal(ask([worker()], { server: 'toString' }), 'unknown');
    assert.equal(ask([worker({ draining: true })]), 'none');
    const full = worker({ sessions: 10 });
    assert.equal(ask([full, worker({ draining: true })]), full, 'one is asked all the same');
    assert.equal(ask([full, worker({ sessions: 11 })], { except: new Set([full.worker]) }), 'full');
    assert.equal(ask([worker()], { absence: () => 'silent' }), 'none');
    assert.equal(ask([worker(), worker({ draining: true })], { absence: () => 'unfound' }), 'unfound');
    const [here, away] = [worker({ sessions: 9 }), worker()];
    assert.equal(ask([here, away], { absence: (one) => (one === away.worker ? 'unfound' : undefined) }), here);
  });

  it('counts what this edge has sent and the record cannot show yet, and skips who refused', () => {
    const [a, b] = [worker({ sessions: 8 }), worker({ sessions: 5 })];
    assert.equal(ask([a, b], { pending: (id) => (id === b.worker ? 5 : 0) }), a);
    assert.equal(ask([a, b], { except: new Set([a.worker]) }), b);
    assert.equal(ask([a, b], { except: new Set([a.worker, b.worker]) }), 'none');
  });

  it('never chooses a worker that drains, refused or does not serve, nor a full one beside one that is not', () => {
    const record = fc.record({ sessions: fc.nat(12), draining: fc.boolean(), serves: fc.boolean(), refused: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 8 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (all, random) => {
          const workers = all.map((one) =>
            worker({ sessions: one.sessions, draining: one.draining, ...(one.serves ? {} : { servers: {} }) }),
          );
          const except = new Set<WorkerId>(workers.filter((_, index) => all[index]!.refused).map((one) => one.worker));
          const chosen = ask(workers, { except, random: () => random.next().value });
          const serving = workers.filter((one) => !one.draining && 'files' in one.servers && !except.has(one.worker));
          const roomy = serving.filter((one) => one.sessions < 10);
          const fit = roomy.length > 0 || except.size > 0 ? roomy : serving;
          if (typeof chosen === 'string') assert.equal(fit.length, 0);
          else assert.ok(fit.includes(chosen));
        },
      ),
    );
  });

  it('keeps the fullest worker close to the mean', () => {
    const held = Array.from({ length: 10 }, () => ({ record: worker({ capacity: 100 }), sessions: 0 }));
    for (let opened = 0; opened < 500; opened += 1) {
      const chosen = ask(held.map(({ record, sessions }) => ({ ...record, sessions })));
      assert.ok(typeof chosen !== 'string');
      held.find(({ record }) => record.worker === chosen.worker)!.sessions += 1;
    }
    assert.ok(Math.max(...held.map(({ sessions }) => sessions)) <= 58, JSON.stringify(held.map(({ sessions }) => sessions)));
  });
});
