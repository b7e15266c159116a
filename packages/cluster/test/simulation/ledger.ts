/**
 * Random schedules over the ledger's own code in virtual time: writes that are late, lost or answered to nobody,
 * members that are cut off, stopped and killed, servers that are split, a log without a leader, a log that is emptied. At every moment what
 * is held stays within the limit (BAR I2); in the end what is counted is what is held (I3), every claim has had one
 * outcome, and every free place can be had.
 *
 * Runs as a thread of its own (`src/simulation/run.ts`): the test runner follows every promise of its thread, which costs more than
 * the schedules themselves.
 */
import assert from 'node:assert/strict';
import { CausewayError } from '@causeway/protocol';
import type { Claim } from '../../src/admission.ts';
import type { Lease, Permit } from '../../src/ledger.ts';
import { runHere, TIMES, World, type Member } from '../../src/simulation/index.ts';

const LIMIT = 10;
const CLAIM: Claim = { server: 's', limits: { total: LIMIT } };

interface Worker {
  readonly member: Member;
  lease: Lease | undefined;
  readonly held: Set<Permit>;
  /** Claims without an outcome. */
  readonly waiting: Set<object>;
}

class Schedule {
  readonly world: World;
  readonly workers: Worker[] = [];
  /** Sessions stay open from now on. */
  still = false;
  /** Servers have been split by a reset. */
  #reset = false;

  constructor(seed: number) {
    this.world = new World(seed);
  }

  async join(): Promise<void> {
    const member = this.world.join();
    const worker: Worker = { member, lease: undefined, held: new Set(), waiting: new Set() };
    this.workers.push(worker);
    this.#lease(worker);
  }

  #lease(worker: Worker): void {
    const { member } = worker;
    const record = { v: 1, worker: member.id, host: 'h', version: '1', capacity: 100, draining: false, servers: {} } as const;
    member.ledger.lease(record).then(
      (lease) => {
        worker.lease = lease;
        lease.lost.addEventListener('abort', () => {
          // A lease that is lost ends its sessions; what was held under it is held no more.
          worker.held.clear();
          worker.lease = undefined;
          if (!member.crashed) this.world.time.after(500, () => this.#lease(worker));
        });
      },
      () => !member.crashed && this.world.time.after(500, () => this.#lease(worker)),
    );
  }

  open({ member, lease, held, waiting }: Worker): void {
    if (member.crashed || lease === undefined) return;
    const claim = {};
    waiting.add(claim);
    let mine: Permit | undefined;
    lease.admit(CLAIM, { revoked: () => mine && held.delete(mine) }).then(
      (permit) => {
        mine = permit;
        waiting.delete(claim);
        if (lease.lost.aborted) return;
        held.add(permit);
        // Sessions end, some soon.
        this.world.time.after(this.world.time.between(100, 30_000), () => this.close(held, permit));
      },
      (error: unknown) => {
        waiting.delete(claim);
        assert.ok(error instanceof CausewayError && /^(limit\.|cluster\.unavailable)/.test(error.reason), String(error));
      },
    );
  }

  close(held: Set<Permit>, permit: Permit): void {
    if (!this.still && held.delete(permit)) permit.release();
  }

  /**
   * What is really held now, and may be used: of a member that stands still past its fence nothing can be known, nor acted
   * on; what is held under a lease that is in doubt, since a reset or when it goes on, is not touched before the store was asked.
   */
  holding(): number {
    const { time } = this.world;
    let sum = 0;
    for (const { member, lease, held } of this.workers) {
      if (member.crashed || lease === undefined || lease.remaining() === 0) continue;
      if (!((this.#reset || member.stopped) && lease.doubtful())) sum += held.size;
    }
    assert.ok(sum <= LIMIT, `${sum} held of ${LIMIT} at ${Math.round(time.now())} ms`);
    return sum;
  }

  /** One thing that happens to the world. */
  disturb(): void {
    const { world } = this;
    const { time } = world;
    const worker = this.workers[Math.floor(time.random() * this.workers.length)]!;
    const { member } = worker;
    const kind = time.random();
    if (time.random() < 0.15) {
      // What one that stands still is told it reads when it goes on, and then asks the store first: that is the worker's part.
      const still = this.workers.some(({ member: one }) => one.stopped);
      world.part(time.between(100, 40_000), [member], still || time.random() < 0.5 ? 'silent' : 'reset');
      this.#reset ||= world.split.cut === 'reset';
      this.#suspect(worker);
    } else if (kind < 0.25) {
      member.partition();
      time.after(time.between(100, 40_000), () => member.heal());
    } else if (kind < 0.45 && world.split.cut !== 'reset') {
      member.stop();
      time.after(time.between(100, 40_000), () => member.go());
    } else if (kind < 0.6 && this.workers.filter(({ member: one }) => !one.crashed).length > 2) {
      member.crash();
      worker.held.clear();
      void this.join();
      this.#suspect(worker);
    } else if (kind < 0.75) {
      world.elect(time.between(4_000, 9_000));
    } else if (kind < 0.85) {
      world.loss = time.between(0, 0.3);
      time.after(time.between(1_000, 10_000), () => (world.loss = 0));
    } else if (kind < 0.95) {
      this.#suspect(worker);
    } else {
      world.log.wipe(time.random() < 0.3);
    }
  }

  /** Another member looks whether this one is gone, as a worker does that is to take its sessions over. */
  #suspect({ member }: Worker): void {
    const { time } = this.world;
    const other = this.workers.find((one) => one.member !== member && !one.member.crashed && one.lease !== undefined);
    if (!other) return;
    const nobody = (): boolean => {
      const { split } = this.world;
      const [here, there] = [other.member.data, member.data];
      return split.parts(here, there) ? !split.believes(here, there) : there.dropped;
    };
    let since: number | undefined;
    let left = false;
    const look = (): void => {
      if (!nobody()) since = undefined;
      else if (since === undefined) [since, left] = [time.now(), other.member.ledger.recentlyHeard(member.id)];
      else if (time.now() - since >= 2_000) other.member.ledger.depose(member.id, { left }).catch(() => undefined);
      if (!other.member.crashed && other.member.view.sequenceOf(member.id) !== undefined) time.after(250, () => other.member.act(look));
    };
    time.after(0, () => other.member.act(look));
    time.after(60_000, () => (since = undefined));
  }
}

async function play(seed: number): Promise<void> {
  const schedule = new Schedule(seed);
  const { world, workers } = schedule;
  const { time } = world;
  const look = (): void => void schedule.holding();
  const size = 2 + Math.floor(time.random() * 3);
  for (let nth = 0; nth < size; nth += 1) await schedule.join();
  await time.run(2_000, look);
  for (let step = 0; step < 12; step += 1) {
    const opens = Math.floor(time.random() * 12);
    for (let nth = 0; nth < opens; nth += 1)
      time.after(time.between(0, 3_000), () => schedule.open(workers[Math.floor(time.random() * workers.length)]!));
    if (time.random() < 0.6) time.after(time.between(0, 3_000), () => schedule.disturb());
    await time.run(3_000, look);
  }
  // Everything heals, and what is counted becomes what is held.
  for (const { member } of workers) {
    member.go();
    member.heal();
  }
  world.loss = 0;
  world.split.heal();
  await time.run(TIMES.ttl + 15_000, look);
  schedule.still = true;
  await time.run(5_000, look);
  const alive = workers.filter(({ member }) => !member.crashed);
  for (const { member, lease, held, waiting } of alive) {
    assert.equal(waiting.size, 0, 'every claim has had its outcome');
    assert.ok(lease !== undefined && lease.remaining() > 0, 'every living member has its lease');
    for (const other of alive) assert.equal(other.member.ledger.workers().get(member.id)?.holds.g ?? 0, held.size, 'counted as held');
  }
  assert.equal(alive[0]!.member.ledger.workers().size, alive.length, 'nobody else is counted');
  const free = LIMIT - schedule.holding();
  const last = await settle(
    world,
    Array.from({ length: free + 1 }, (_, nth) => alive[nth % alive.length]!.lease!.admit(CLAIM)),
  );
  assert.equal(last.filter(Boolean).length, free, 'every free place can be had, and no more');
}

async function settle(world: World, asked: readonly Promise<Permit>[]): Promise<readonly boolean[]> {
  const outcomes = Promise.all(
    asked.map((one) =>
      one.then(
        () => true,
        () => false,
      ),
    ),
  );
  await world.time.run(15_000, () => undefined);
  return outcomes;
}

await runHere(play);
