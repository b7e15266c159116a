import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { childMark } from '../../src/child/orphans.ts';
import { readStat } from '../../src/child/proc.ts';
import { openWarden } from '../../src/child/warden.ts';
import { gone } from './host.ts';
import { groupMembers, MemoryLog, start } from './support.ts';

/** Where a machine's /bin/sh may lead: Debian's, that of Fedora and macOS, Alpine's. */
const SHELLS = ['dash', 'bash', 'busybox'].map((name) => ({ name, file: onPath(name) }));

function onPath(name: string): string | undefined {
  return process.env['PATH']
    ?.split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

const startOf = (pid: number): string => readStat(pid)?.started ?? '';

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

for (const { name, file } of SHELLS) {
  test(`a warden in ${name} kills what it watches`, { timeout: 30_000, skip: file === undefined && `no ${name} here` }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const shell = join(folder, 'sh');
    symlinkSync(file!, shell);
    const watched = await start(t, ['wrapper'], { deps: { mark: 'none' } });
    await watched.untilLine('ready');
    {
      await using warden = await openWarden({ log: new MemoryLog(), worker: 'w', shell });
      warden.watch(watched.child.pid, startOf(watched.child.pid));
    }
    await watched.untilExit();
    assert.deepEqual(groupMembers(watched.child.pid), []);
  });
}

test(
  'where the system describes no processes, a warden kills the groups that it was told of, and no other',
  { timeout: 30_000 },
  async (t) => {
    const watched = await start(t, ['wrapper'], { deps: { mark: 'none' } });
    const released = await start(t, ['echo'], { deps: { mark: 'none' } });
    await watched.untilLine('ready');
    {
      await using warden = await openWarden({ log: new MemoryLog(), worker: 'w', proc: '/nowhere' });
      warden.watch(watched.child.pid, '');
      warden.watch(released.child.pid, '');
      warden.release(released.child.pid);
    }
    await watched.untilExit();
    assert.deepEqual(groupMembers(watched.child.pid), []);
    released.child.write(Buffer.from('{}'));
    await released.untilLine('{}');
  },
);

test('where it does, whoever has no start time is left alone', { timeout: 30_000 }, async (t) => {
  const stranger = await start(t, ['echo'], { deps: { mark: 'none' } });
  {
    await using warden = await openWarden({ log: new MemoryLog(), worker: 'w' });
    warden.watch(stranger.child.pid, '');
  }
  stranger.child.write(Buffer.from('{}'));
  await stranger.untilLine('{}');
});

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
