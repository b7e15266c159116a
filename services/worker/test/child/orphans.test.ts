/** Nothing that a worker started outlives it, however it ends. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { childMark, isAlive, markOwner, openOrphanSweep, ownProcess, sweepOrphans } from '../../src/child/orphans.ts';
import { openWarden } from '../../src/child/warden.ts';
import { groupMembers, MemoryLog, start } from './support.ts';

const HOST = fileURLToPath(new URL('../fixtures/host.ts', import.meta.url));
/** A kind of child and the processes that answer the roll for it. */
const KINDS = { echo: 1, stubborn: 1, wrapper: 2, 'wrapper-clearing': 2, shell: 1, daemon: 2 } as const;
const ALL = Object.keys(KINDS) as readonly (keyof typeof KINDS)[];
const BOTH = { nets: 'prefix,warden' };
const TOLERANCE = 5000;

/** A named pipe which every process of the fixtures holds open while it lives: its end is the end of the last one. */
function openRoll(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-'));
  const path = join(directory, 'roll');
  execFileSync('mkfifo', [path]);
  const reader = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false });
  const own = openSync(path, constants.O_WRONLY);
  const pids: number[] = [];
  const lines = createInterface({ input: reader }).on('line', (line) => pids.push(Number(line)));
  const empty = once(reader, 'end');
  t.after(() => {
    for (const pid of pids) killQuietly(pid);
    reader.destroy();
    rmSync(directory, { recursive: true });
  });
  return {
    path,
    pids,
    async complete(count: number): Promise<void> {
      while (pids.length < count) await once(lines, 'line');
      closeSync(own);
    },
    empty,
  };
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

interface Host {
  readonly process: ReturnType<typeof spawn>;
  readonly warden: number | null;
  readonly children: readonly number[];
  /** Resolves when every process of every child is gone. */
  readonly empty: Promise<unknown>;
  readonly pids: readonly number[];
}

interface Nets {
  readonly nets: string;
  readonly path?: string | undefined;
}

async function host(t: TestContext, kinds: readonly (keyof typeof KINDS)[], { nets, path = process.env['PATH'] }: Nets): Promise<Host> {
  const roll = openRoll(t);
  const env = { ...process.env, PATH: path, HOST_NETS: nets, CHILD_ROLL: roll.path };
  const running = spawn(process.execPath, [HOST, ...kinds], { env, detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  t.after(() => running.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: running.stdout }), 'line');
  await roll.complete(kinds.reduce((sum, kind) => sum + KINDS[kind], 0));
  return { process: running, ...JSON.parse(String(line)), empty: roll.empty, pids: roll.pids };
}

const gone = (pid: number): boolean => !readdirSync('/proc').includes(String(pid));

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
  await using sweep = await openOrphanSweep({ log: new MemoryLog(), every: 50 });
  void sweep;
  const lost = await host(t, ['stubborn'], { nets: '' });
  lost.process.kill('SIGKILL');
  await lost.empty;
});

test('processes of a session of this worker that is over are swept, those of others are not', { timeout: 30_000 }, async (t) => {
  const over = childMark({ worker: 'w', session: 'over', epoch: 1 });
  const ending = await start(t, ['stubborn'], { deps: { mark: over } });
  const current = await start(t, ['echo']);
  await ending.untilLine('ready');
  await sweepOrphans({ log: new MemoryLog(), isCurrent: (mark) => mark !== over });
  assert.equal((await ending.untilExit()).signal, 'SIGKILL');
  current.child.write(Buffer.from('{}'));
  await current.untilLine('{}');
});

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

test(
  'a warden kills what it watches when the pipe closes, and leaves strangers with a recycled number alone',
  { timeout: 30_000 },
  async (t) => {
    const stranger = await start(t, ['echo'], { deps: { mark: 'none' } });
    const watched = await start(t, ['stubborn'], { deps: { mark: 'none' } });
    const released = await start(t, ['echo'], { deps: { mark: 'none' } });
    await watched.untilLine('ready');
    const log = new MemoryLog();
    {
      await using warden = await openWarden({ log, worker: 'w' });
      warden.watch(stranger.child.pid, '1');
      warden.watch(watched.child.pid, startOf(watched.child.pid));
      warden.watch(released.child.pid, startOf(released.child.pid));
      warden.release(released.child.pid);
    }
    assert.equal((await watched.untilExit()).signal, 'SIGKILL');
    for (const alive of [stranger, released]) {
      alive.child.write(Buffer.from('{}'));
      await alive.untilLine('{}');
    }
  },
);

test(
  'an orderly close ends what the worker left behind, and nothing of another worker in the same process',
  { timeout: 30_000 },
  async (t) => {
    const mark = (worker: string): string => childMark({ worker, session: 's', epoch: 1 });
    const left = await start(t, ['stubborn'], { deps: { mark: mark('a') } });
    const other = await start(t, ['echo'], { deps: { mark: mark('b') } });
    await left.untilLine('ready');
    const warden = await openWarden({ log: new MemoryLog(), worker: 'a' });
    await warden[Symbol.asyncDispose]();
    assert.equal((await left.untilExit()).signal, 'SIGKILL');
    other.child.write(Buffer.from('{}'));
    await other.untilLine('{}');
  },
);

test('a warden that was killed is replaced and told anew', { timeout: 30_000 }, async (t) => {
  const watched = await start(t, ['stubborn'], { deps: { mark: 'none' } });
  await watched.untilLine('ready');
  const log = new MemoryLog();
  {
    await using warden = await openWarden({ log, worker: 'w' });
    warden.watch(watched.child.pid, startOf(watched.child.pid));
    const first = warden.pid;
    process.kill(first ?? 0, 'SIGKILL');
    await log.until(({ msg }) => msg === 'the warden has ended');
    assert.notEqual(warden.pid, first);
  }
  assert.equal((await watched.untilExit()).signal, 'SIGKILL');
  assert.deepEqual(groupMembers(watched.child.pid), []);
});

test('signals that end a process group by hand do not end the warden; closing does, at once when there is nothing to do', async () => {
  const warden = await openWarden({ log: new MemoryLog(), worker: 'w' });
  assert(warden.pid !== undefined);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(warden.pid, name);
  process.kill(warden.pid, 0);
  const { pid } = warden;
  const begin = performance.now();
  await warden[Symbol.asyncDispose]();
  await warden[Symbol.asyncDispose]();
  assert(gone(pid));
  assert(performance.now() - begin < 2000);
});

function startOf(pid: number): string {
  const stat = execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'latin1' });
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
