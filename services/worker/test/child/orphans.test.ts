/** Nothing that a worker started outlives it, however it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { childMark, isAlive, markOwner, openOrphanSweep, ownProcess, pauseAfter, sweepOrphans } from '../../src/child/orphans.ts';
import { ALL, gone, host, type Host, type Nets } from './host.ts';
import { MemoryLog, start } from './support.ts';

const BOTH = { nets: 'prefix,warden' };
const TOLERANCE = 5000;

async function ends(t: TestContext, nets: Nets, end: (host: Host) => void, kinds = ALL): Promise<Host> {
  const running = await host(t, kinds, nets);
  const exited = once(running.process, 'exit');
  const begin = performance.now();
  end(running);
  await exited;
  await running.empty;
  const ms = performance.now() - begin;
  t.diagnostic(`${ms.toFixed(0)} ms until nothing was left`);
  assert(ms < TOLERANCE, `${ms} ms`);
  return running;
}

test('SIGKILL leaves nothing behind', { timeout: 30_000 }, async (t) => {
  await ends(t, BOTH, ({ process: worker }) => worker.kill('SIGKILL'));
});

test('SIGKILL leaves nothing behind where the kernel does not help', { timeout: 30_000 }, async (t) => {
  await ends(t, { nets: 'warden' }, ({ process: worker }) => worker.kill('SIGKILL'));
});

test('the kernel alone ends stubborn children of a killed worker', { timeout: 30_000 }, async (t) => {
  await ends(t, { nets: 'prefix' }, ({ process: worker }) => worker.kill('SIGKILL'), ['echo', 'stubborn']);
});

test('SIGKILL to the whole process group of the worker leaves nothing behind', { timeout: 30_000 }, async (t) => {
  await ends(t, BOTH, ({ process: worker }) => process.kill(-(worker.pid ?? 0), 'SIGKILL'));
});

test('an uncaught exception leaves nothing behind', { timeout: 30_000 }, async (t) => {
  await ends(t, BOTH, ({ process: worker }) => worker.stdin?.write('throw\n'));
});

test('process.exit leaves nothing behind', { timeout: 30_000 }, async (t) => {
  await ends(t, BOTH, ({ process: worker }) => worker.stdin?.write('exit\n'));
});

test('SIGTERM and an orderly close leave nothing behind, the warden included', { timeout: 30_000 }, async (t) => {
  const { warden } = await ends(t, BOTH, ({ process: worker }) => worker.kill('SIGTERM'));
  assert(warden !== null && gone(warden));
});

test('SIGKILL leaves nothing behind where the machine has no grep that reads past a NUL byte', { timeout: 30_000 }, async (t) => {
  const tools = mkdtempSync(join(tmpdir(), 'causeway-'));
  t.after(() => rmSync(tools, { recursive: true }));
  symlinkSync('/bin/sleep', join(tools, 'sleep'));
  await ends(t, { nets: 'warden', path: tools }, ({ process: worker }) => worker.kill('SIGKILL'));
});

test('what no other net caught is swept by the next worker, and only that', { timeout: 30_000 }, async (t) => {
  const bystander = await start(t, ['echo']);
  const lost = await host(t, ['stubborn', 'wrapper', 'shell', 'daemon'], { nets: '' });
  const exited = once(lost.process, 'exit');
  lost.process.kill('SIGKILL');
  await exited;
  assert(lost.pids.some((pid) => !gone(pid)));
  const log = new MemoryLog();
  await using sweep = await openOrphanSweep({ log });
  void sweep;
  await lost.empty;
  bystander.child.write(Buffer.from('{"alive":true}'));
  await bystander.untilLine('{"alive":true}');
});

test('the sweep goes on: an orphan of later is found too', { timeout: 30_000 }, async (t) => {
  await using sweep = await openOrphanSweep({ log: new MemoryLog(), every: 50, longest: 500 });
  void sweep;
  const lost = await host(t, ['stubborn'], { nets: '' });
  lost.process.kill('SIGKILL');
  await lost.empty;
});

test('a sweep takes a two-hundredth of the time, however many processes there are, and is not put off for ever', () => {
  assert.deepEqual(
    [20, 200, 30_000].map((took) => pauseAfter(took)),
    [10_000, 40_000, 120_000],
  );
});

test(
  'processes of a session of this worker that is over are swept, those of a neighbour in the same process are not',
  { timeout: 30_000 },
  async (t) => {
    const over = childMark({ worker: 'w', session: 'over', epoch: 1 });
    const ending = await start(t, ['stubborn'], { deps: { mark: over } });
    const current = await start(t, ['echo']);
    await ending.untilLine('ready');
    await sweepOrphans({ log: new MemoryLog(), own: { worker: 'w', isCurrent: () => false } });
    assert.equal((await ending.untilExit()).signal, 'SIGKILL');
    current.child.write(Buffer.from('{}'));
    await current.untilLine('{}');
  },
);

test('a mark names one life of one process', () => {
  const own = ownProcess();
  assert.deepEqual(markOwner(childMark({ worker: 'w', session: 's', epoch: 3 })), own);
  assert(isAlive(own));
  assert(!isAlive({ ...own, started: String(Number(own.started) + 1) }));
  assert(!isAlive({ ...own, pid: 2 ** 22 + 1 }));
  for (const text of ['', 'w/s/1', 'w/s/1@1.2;', 'w/s/1@1.2.3', 'w/s/1@a.b.c;']) assert.equal(markOwner(text), undefined);
});

test('marks of another PID namespace are left alone', async (t) => {
  const foreign = { ...ownProcess(), space: '1', pid: 2 ** 22 + 1 };
  const witness = await start(t, ['echo'], { deps: { mark: childMark({ worker: 'w', session: 's', epoch: 1 }, foreign) } });
  await sweepOrphans({ log: new MemoryLog() });
  witness.child.write(Buffer.from('{}'));
  await witness.untilLine('{}');
});
