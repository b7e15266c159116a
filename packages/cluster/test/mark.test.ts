/** That the log's first mark comes back when somebody took it away, so that whoever comes later may rely on the log. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ORIGIN, type SeenRecord } from '../src/records.ts';
import type { Lease } from '../src/ledger.ts';
import { TIMES, World, type Member } from '../src/simulation/index.ts';

/** Milliseconds within which every worker has written, or has passed its fence, and a write that was refused is tried again. */
const MARKED = TIMES.fence + 4 * TIMES.heartbeat;

function lease({ id: worker, ledger }: Member): Promise<Lease> {
  return ledger.lease({ v: 1, worker, host: 'h', version: '1', capacity: 100, draining: false, servers: {} });
}

async function setting() {
  const world = new World(1);
  const run = (ms: number): Promise<void> => world.time.run(ms, () => undefined);
  const mark = (): SeenRecord | undefined => world.log.entries.find(({ key }) => key === ORIGIN);
  const members = [world.join(), world.join()] as const;
  for (const member of members) {
    lease(member).catch((error: unknown) => assert.fail(String(error)));
    await run(1_000);
  }
  return { world, run, mark, members };
}

describe('the first mark of the log', () => {
  it('is written again in the place of the word that it was removed', async () => {
    const { world, run, mark } = await setting();
    world.log.purge(ORIGIN, { own: mark()!.sequence });
    await run(TIMES.fence);
    assert.equal(mark()?.text, undefined);
    await run(MARKED - TIMES.fence);
    assert.notEqual(mark()?.text, undefined);
    assert.equal(world.join().view.whole, true);
  });

  it('so it is when it was put back with an end, as by who keeps a copy of the values, and has ended', async () => {
    const { world, run, mark } = await setting();
    world.log.wipe();
    world.log.put(ORIGIN, '{}', TIMES.ttl, { own: 0 });
    await run(TIMES.ttl + MARKED);
    assert.notEqual(mark()?.text, undefined);
    await run(TIMES.ttl);
    assert.notEqual(mark()?.text, undefined, 'it stays');
  });

  it('and when the log was emptied before that', async () => {
    const { world, run, mark } = await setting();
    world.log.purge(ORIGIN, { own: mark()!.sequence });
    await run(TIMES.fence + TIMES.heartbeat - 500);
    world.log.wipe();
    await run(TIMES.fence);
    assert.equal(mark(), undefined, 'not before all have written, or are past their fence');
    await run(MARKED - TIMES.fence);
    assert.notEqual(mark()?.text, undefined);
  });

  it('is not written at once by who has lost his lease and finds a log that was made anew: he is not the first', async () => {
    const { world, run, mark, members } = await setting();
    const [one] = members;
    // Cut off for longer than the fence, it comes back to a log in which nothing was written yet.
    for (const member of members) member.partition();
    await run(2 * TIMES.fence);
    world.log.wipe(true);
    one.heal();
    await run(500);
    const again = lease(one);
    await run(TIMES.fence);
    await again;
    assert.equal(mark(), undefined);
  });
});
