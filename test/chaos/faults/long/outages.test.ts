/** NATS that is gone for a minute, split, full, or on a disk without room. */
import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { until } from '../../../harness/within.ts';
import { aside, assertNoneFailed, assertOnlyInFlightFailed, assertRefusedAtOnce, UNKNOWN, untilReady } from '../../expect.ts';
import { describeCall } from '../../records.ts';
import { openFaults } from '../../stage.ts';

/** MiB of the first server's disk. */
const DISK = 64;
/** Milliseconds that live calls must stand without the ledger: less than the fence. */
const WITHOUT_LEDGER = 10_000;
/** Milliseconds in which servers that were started do not know each other: more than an edge waits for a worker that nobody finds. */
const APART = 5_000;
/** Milliseconds by which an edge lets a worker be late, and a second. */
const LATE = 6_000;

describe('outages of NATS', () => {
  const faults = openFaults({ nats: { splittable: true, disk: DISK } });

  it(
    'F06 (60 s) all NATS servers are gone for a minute: a clean end or the same sessions, never two owners, and all is well afterwards',
    faults.fault(async (run) => {
      const { world, load, random } = run.stage;
      const session = load.sessions().filter(({ transport }) => transport === 'streamable')[random(10)]!;
      run.strike();
      await Promise.all(world.nats.nodes.map((node) => world.killNode(node)));
      await Promise.all(world.edges.map((edge) => untilReady(edge, false, 2_000)));
      await assertRefusedAtOnce(world.edges, session);
      await run.lasts(Math.max(0, run.struck + 60_000 - Date.now()));
      await Promise.all(world.nats.nodes.map((node) => world.startNode(node)));
      await run.recovered(120_000);
      const wrong = run
        .failed()
        .filter(({ reason = '', executed, finals }) => finals === 0 && executed !== 'no' && !reason.startsWith('c'));
      assert.deepEqual(wrong.map(describeCall), []);
      // Also where their answers come on a stream that its edge has to itself meanwhile.
      const streams = new Set(load.evidence.sessions.filter(({ transport }) => transport === 'sse').map((one) => one.session));
      const late = run
        .calls()
        .filter((call) => streams.has(call.session) && call.retried === 0 && call.ended - call.began > run.stage.deadline + LATE);
      assert.deepEqual(late.map(describeCall), []);
    }),
  );

  it(
    'F06 (apart) all NATS servers are killed, and are back for some seconds before they find each other: the same sessions go on',
    faults.fault(async (run) => {
      const { world } = run.stage;
      run.strike();
      for (const node of world.nats.nodes) world.nats.split(node, 'reset');
      await Promise.all(world.nats.nodes.map((node) => world.killNode(node)));
      await run.lasts(2_000);
      await Promise.all(world.nats.nodes.map((node) => world.startNode(node)));
      await run.lasts(APART);
      await world.heal();
      await run.recovered(40_000);
      assertOnlyInFlightFailed(run, UNKNOWN);
      assert.deepEqual(run.lostSessions(), []);
    }),
  );

  it(
    'F15 one NATS server is split from the two others for 20 s: its clients move or refuse, nobody is owned twice',
    faults.fault(async (run) => {
      const { world, eye } = run.stage;
      const leader = await eye.leader('workers');
      const node = world.nats.nodes.find(({ name }) => name === leader)!;
      run.strike();
      world.splitNode(node);
      await run.lasts(20_000);
      await world.heal();
      await run.recovered(60_000);
      await eye.current();
    }),
  );

  it(
    'F19 the storage of the buckets is full for 10 s: no live call fails, new sessions are refused with 503',
    faults.fault(async (run) => {
      const { world, eye } = run.stage;
      const streams = ['KV_cw_sessions', 'KV_cw_workers'];
      run.strike();
      for (const name of streams) {
        const { config, state } = await eye.manager.streams.info(name);
        await eye.manager.streams.update(name, { ...config, max_bytes: Math.max(1, state.bytes) });
      }
      const opened = await aside(world.edges[0]!.process.url('steady')).catch((error: Error) => error);
      await run.lasts(Math.max(0, run.struck + WITHOUT_LEDGER - Date.now()));
      for (const name of streams) {
        const { config } = await eye.manager.streams.info(name);
        await eye.manager.streams.update(name, { ...config, max_bytes: -1 });
      }
      if (!(opened instanceof Error)) await opened[Symbol.asyncDispose]();
      else assert.match(opened.message, / 50[34] .*"executed":"no"/s);
      await run.recovered(30_000);
      assertNoneFailed(run);
      assert.deepEqual(run.lostSessions(), []);
    }),
  );

  it(
    'F20 the disk of the leader is full for 10 s: live calls are unaffected, and new sessions open once there is room',
    faults.fault(async (run) => {
      const { world, eye } = run.stage;
      const small = world.nats.nodes[0]!;
      for (const bucket of ['workers', 'sessions'] as const) await eye.lead(bucket, small.name);
      const filler = join(small.disk, 'filler');
      run.strike();
      const began = run.calls().length;
      await fill(filler);
      await run.lasts(WITHOUT_LEDGER);
      const failed = run
        .calls()
        .slice(began)
        .filter(({ outcome }) => outcome !== 'ok');
      await rm(filler, { force: true });
      // A server that could not write gives its streams up until it is started again.
      await small.term();
      await small.start();
      await until(30_000, 'a new session', () =>
        aside(world.edges[0]!.process.url('steady')).then(
          (session) => session[Symbol.asyncDispose]().then(() => true),
          () => undefined,
        ),
      );
      await run.recovered(60_000);
      assert.deepEqual(failed.map(describeCall), []);
    }),
  );

  faults.lastly();
});

/** Writes until the disk has no room left. */
async function fill(path: string): Promise<void> {
  const block = Buffer.alloc(1 << 20, 1);
  async function* endless() {
    for (let written = 0; written < 2 * DISK; written++) yield block;
  }
  await assert.rejects(pipeline(endless(), createWriteStream(path)), { code: 'ENOSPC' });
}
