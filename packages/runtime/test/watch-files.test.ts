/** A file that becomes another is noticed by every way in which that is done, and nothing else is. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventEmitter } from 'node:events';
import { test, type TestContext } from 'node:test';
import { createWheel, watchFiles } from '../src/index.ts';
import { wayTo } from '../src/watch-files.ts';

interface Watched {
  readonly folder: string;
  /** How often a change was told. */
  readonly told: () => number;
  /** Makes a change, and waits until it is told. */
  change(make: () => void): Promise<void>;
}

function watched(t: TestContext, prepare: (folder: string) => readonly string[]): Watched {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'causeway-watch-')));
  const wheel = createWheel();
  const events = new EventEmitter();
  let count = 0;
  const watch = watchFiles(prepare(folder), {
    wheel,
    changed: () => events.emit('told', (count += 1)),
    failed: (directory, error) => assert.fail(`${directory}: ${error.message}`),
  });
  t.after(() => {
    watch[Symbol.dispose]();
    wheel[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  const change = async (make: () => void): Promise<void> => {
    const told = once(events, 'told', { signal: AbortSignal.timeout(10_000) });
    make();
    await told;
  };
  return { folder, told: () => count, change };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1_000));

test('a file that is written over, or renamed over, is told; two that are written together, once', async (t) => {
  const { folder, told, change } = watched(t, (at) => {
    writeFileSync(join(at, 'cert'), '1');
    writeFileSync(join(at, 'key'), '1');
    return [join(at, 'cert'), join(at, 'key')];
  });
  await change(() => {
    writeFileSync(join(folder, 'cert'), '2');
    writeFileSync(join(folder, 'key'), '2');
  });
  await settled();
  assert.equal(told(), 1);
  writeFileSync(join(folder, 'new'), '3');
  await change(() => renameSync(join(folder, 'new'), join(folder, 'cert')));
  await change(() => rmSync(join(folder, 'key')));
  await change(() => writeFileSync(join(folder, 'key'), '4'));
});

test('what else happens beside it is not told', async (t) => {
  const { folder, told } = watched(t, (at) => {
    writeFileSync(join(at, 'cert'), '1');
    return [join(at, 'cert')];
  });
  writeFileSync(join(folder, 'log'), 'line');
  renameSync(join(folder, 'log'), join(folder, 'log.1'));
  mkdirSync(join(folder, 'more'));
  await settled();
  assert.equal(told(), 0);
});

test('a secret of Kubernetes is told when its directory is exchanged, again and again', async (t) => {
  const version = (at: string, name: string): void => {
    mkdirSync(join(at, name));
    writeFileSync(join(at, name, 'tls.crt'), name);
  };
  const { folder, change } = watched(t, (at) => {
    version(at, '..1');
    symlinkSync('..1', join(at, '..data'));
    symlinkSync('..data/tls.crt', join(at, 'tls.crt'));
    return [join(at, 'tls.crt')];
  });
  for (const [before, now] of [
    ['..1', '..2'],
    ['..2', '..3'],
  ] as const) {
    version(folder, now);
    symlinkSync(now, join(folder, '..data_tmp'));
    await change(() => renameSync(join(folder, '..data_tmp'), join(folder, '..data')));
    rmSync(join(folder, before), { recursive: true });
  }
  await change(() => writeFileSync(join(folder, '..3/tls.crt'), 'written over'));
});

test('a link in another directory, and what it leads to, are followed', async (t) => {
  const { folder, change } = watched(t, (at) => {
    for (const name of ['archive', 'live']) mkdirSync(join(at, name));
    writeFileSync(join(at, 'archive/cert1'), '1');
    symlinkSync('../archive/cert1', join(at, 'live/cert'));
    symlinkSync(join(at, 'live'), join(at, 'current'));
    return [join(at, 'current/cert')];
  });
  await change(() => writeFileSync(join(folder, 'archive/cert1'), '2'));
  writeFileSync(join(folder, 'archive/cert2'), '3');
  symlinkSync('../archive/cert2', join(folder, 'live/next'));
  await change(() => renameSync(join(folder, 'live/next'), join(folder, 'live/cert')));
  await change(() => writeFileSync(join(folder, 'archive/cert2'), '4'));
});

test('a directory that is taken away and comes back, whole, is told of both times', async (t) => {
  const { folder, change } = watched(t, (at) => {
    mkdirSync(join(at, 'tls'));
    writeFileSync(join(at, 'tls/cert'), '1');
    return [join(at, 'tls/cert')];
  });
  await change(() => renameSync(join(folder, 'tls'), join(folder, 'old')));
  mkdirSync(join(folder, 'new'));
  writeFileSync(join(folder, 'new/cert'), '2');
  await change(() => renameSync(join(folder, 'new'), join(folder, 'tls')));
  await change(() => writeFileSync(join(folder, 'tls/cert'), '3'));
});

test('the way to a file names what decides it, and ends where it breaks off or goes round', (t) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'causeway-watch-')));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.deepEqual(wayTo(join(folder, 'none/cert')), [[folder, 'none']]);
  symlinkSync('round', join(folder, 'round'));
  assert.ok(wayTo(join(folder, 'round/cert')).length <= 41);
  writeFileSync(join(folder, 'file'), '');
  assert.deepEqual(wayTo(join(folder, 'file')), [[folder, 'file']]);
});

test('nothing is told after the end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-watch-'));
  t.after(() => rmSync(folder, { recursive: true }));
  using wheel = createWheel();
  const changed = t.mock.fn();
  const watch = watchFiles([join(folder, 'cert')], { wheel, changed, failed: () => undefined });
  writeFileSync(join(folder, 'cert'), '1');
  watch[Symbol.dispose]();
  writeFileSync(join(folder, 'cert'), '2');
  await settled();
  assert.equal(changed.mock.callCount(), 0);
});
