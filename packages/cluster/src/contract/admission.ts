/** The contract of admission as tests: what `Lease.admit` promises, whatever keeps the records. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError, identityOf, newWorkerId } from '@causeway/protocol';
import type { Claim } from '../admission.ts';
import type { Lease, Ledger, LeaseTimes, Permit } from '../ledger.ts';
import { CONTRACT_TIMES, record, sees } from './ledger.ts';
import { soon, type World } from './world.ts';

type MakeLedgerWorld = (times: LeaseTimes) => Promise<World<Ledger>>;

const claim = (change: Partial<Claim> = {}): Claim => ({ server: 'files', limits: { total: 20 }, ...change });
const refused = (reason: string) => (error: unknown) => error instanceof CausewayError && error.reason === reason;

interface Outcome {
  readonly permits: readonly Permit[];
  readonly refusals: readonly string[];
}

async function settle(asked: readonly Promise<Permit>[]): Promise<Outcome> {
  const outcomes = await Promise.allSettled(asked);
  return {
    permits: outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    refusals: outcomes.flatMap((one) => (one.status === 'rejected' ? [(one.reason as CausewayError).reason] : [])),
  };
}

/** Registers the suite. `make` gives a world whose ledgers have the times given; `rounds`: how often the race is run. */
export function admissionContract(make: MakeLedgerWorld, rounds: number): void {
  const four = (name: string, test: (leases: readonly Lease[], world: World<Ledger>, ledgers: readonly Ledger[]) => Promise<void>): void =>
    void it(name, async () => {
      await using world = await make(CONTRACT_TIMES);
      const ledgers = (await Promise.all(Array.from({ length: 4 }, () => world.join()))).map(({ part }) => part);
      const leases = await Promise.all(ledgers.map((ledger) => ledger.lease(record({ capacity: 100 }))));
      await test(leases, world, ledgers);
    });
  void describe('admission', { concurrency: 2 }, () => {
    races(four, rounds);
    scopes(four);
    losses(make);
  });
}

type Register = (name: string, test: (leases: readonly Lease[], world: World<Ledger>, ledgers: readonly Ledger[]) => Promise<void>) => void;

function races(four: Register, rounds: number): void {
  four(`4 × 25 at once for 20 places: exactly 20, ${rounds} times in a row, and every place comes back`, async (leases) => {
    for (let round = 1; round <= rounds; round += 1) {
      const { permits, refusals } = await settle(leases.flatMap((lease) => Array.from({ length: 25 }, () => lease.admit(claim()))));
      assert.equal(permits.length, 20, `round ${round}`);
      assert.deepEqual([...new Set(refusals)], ['limit.total']);
      for (const permit of permits) permit.release();
    }
  });

  four('a place that becomes free elsewhere is had within a moment', async ([a, b]) => {
    const one = claim({ limits: { total: 1 } });
    const permit = await a!.admit(one);
    const waiting = b!.admit(one);
    permit.release();
    permit.release();
    await soon('the place', waiting);
    await assert.rejects(a!.admit(one), refused('limit.total'));
  });
}

function scopes(four: Register): void {
  four('each limit counts its own, and the refusal names the one in the way, with its numbers', async ([a, b]) => {
    const [ann, bob] = [identityOf('key', 'ann'), identityOf('key', 'bob')];
    const limits = { total: 5, server: 3, identity: 2 };
    await a!.admit(claim({ identity: ann, limits }));
    await b!.admit(claim({ identity: ann, limits }));
    await assert.rejects(a!.admit(claim({ identity: ann, limits })), (error: CausewayError) => {
      assert.equal(error.reason, 'limit.identity');
      assert.deepEqual(error.facts, { limit: 2, used: 2 });
      return true;
    });
    await b!.admit(claim({ identity: bob, limits }));
    await assert.rejects(a!.admit(claim({ identity: bob, limits })), refused('limit.server'));
    await a!.admit(claim({ server: 'git', identity: bob, limits }));
    await a!.admit(claim({ server: 'git', limits }));
    await assert.rejects(b!.admit(claim({ server: 'mail', limits })), refused('limit.total'));
    await b!.admit(claim({ server: 'files', limits: {} }));
  });

  four('what is held is in the record, by scope, and nothing of it stays when it is given back', async ([a], _world, ledgers) => {
    const worker = newWorkerId();
    const lease = await ledgers[1]!.lease(record({ worker }));
    const permits = await Promise.all([lease.admit(claim()), lease.admit(claim({ server: '__proto__', limits: {} }))]);
    await sees(ledgers[0]!, 'both', (workers) => workers.get(worker)?.sessions === 2);
    const { holds } = ledgers[0]!.workers().get(worker)!;
    assert.deepEqual(Object.keys(holds).toSorted(), ['g', 's:__proto__', 's:files']);
    assert.deepEqual([holds.g, holds['s:files'], holds['s:__proto__']], [2, 1, 1]);
    for (const permit of permits) permit.release();
    await sees(ledgers[0]!, 'none', (workers) => workers.get(worker)?.sessions === 0);
    assert.deepEqual(ledgers[0]!.workers().get(worker)!.holds, {});
    assert.ok(a!.remaining() > 0);
  });

  four('a worker takes no more than it can hold; one that gives up waits no longer', async ([a]) => {
    a!.update({ capacity: 1 });
    await a!.admit(claim({ limits: {} }));
    await assert.rejects(a!.admit(claim({ limits: {} })), refused('limit.worker'));
    const left = new AbortController();
    const waiting = a!.admit(claim(), { signal: left.signal });
    left.abort();
    await assert.rejects(waiting, refused('session.ended'));
  });
}

function losses(make: MakeLedgerWorld): void {
  void it('places of a member that vanished come back with its lease, and of one that was deposed at once', async () => {
    await using world = await make(CONTRACT_TIMES);
    const [a, b, c] = await Promise.all([world.join(), world.join(), world.join()]);
    const one = claim({ limits: { total: 1 } });
    const first = record();
    const lease = await a.part.lease(first);
    await lease.admit(one);
    const other = await b.part.lease(record());
    assert.equal(await b.part.depose(first.worker, { left: true }), false, 'one that is heard is not deposed');
    await assert.rejects(other.admit(one), refused('limit.total'));
    await a.vanish();
    await sees(b.part, 'expiry', (workers) => !workers.has(first.worker), CONTRACT_TIMES.ttl + 2_000);
    const permit = await other.admit(one);
    permit.release();
    const second = record();
    await (await c.part.lease(second)).admit(one);
    await sees(b.part, 'the second', (workers) => workers.get(second.worker)?.sessions === 1);
    // Heard more than once.
    await new Promise((resolve) => setTimeout(resolve, 2 * CONTRACT_TIMES.heartbeat));
    await c.vanish();
    // Looked at until its silence is long enough: less than half of its time.
    const since = performance.now();
    assert.ok(b.part.recentlyHeard(second.worker));
    assert.equal(await b.part.depose(second.worker, { left: false }), false, 'it may be cut off and alive');
    while (!(await b.part.depose(second.worker, { left: true }))) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(performance.now() - since < CONTRACT_TIMES.ttl / 2);
    await sees(b.part, 'its end', (workers) => !workers.has(second.worker));
    await other.admit(one);
  });

  void it('without a connection there is no place to be had, and what was had stays', async () => {
    await using world = await make(CONTRACT_TIMES);
    const a = await world.join();
    const lease = await a.part.lease(record());
    await lease.admit(claim({ limits: { total: 1 } }));
    await a.cut();
    await soon('the refusal', assert.rejects(lease.admit(claim({ limits: { total: 1 } }))), 15_000);
    await a.heal();
    await soon('the word of the store', lease.confirm(), 5_000);
    await assert.rejects(lease.admit(claim({ limits: { total: 1 } })), refused('limit.total'));
  });
}
