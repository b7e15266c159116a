import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Edge } from '@causeway/edge';
import { silentLog, type Log } from '@causeway/runtime';
import { announce, findBridges, servedOn } from '../src/admin-file.ts';

const edge = { url: 'http://127.0.0.1:8000', admin: { url: 'http://127.0.0.1:8001', token: 'T0KEN', cluster: 'c' } } as Edge;

/** A runtime directory of the test's own, for this process and what it reads. */
function runtime(t: TestContext): { root: string; folder: string; file: string; env: Record<string, string> } {
  const root = mkdtempSync(join(tmpdir(), 'causeway-run-'));
  const [xdg, tmp] = [process.env['XDG_RUNTIME_DIR'], process.env['TMPDIR']];
  process.env['XDG_RUNTIME_DIR'] = root;
  // What would be taken instead is not there either.
  process.env['TMPDIR'] = join(root, 'none');
  t.after(() => {
    rmSync(root, { recursive: true });
    for (const [name, value] of [
      ['XDG_RUNTIME_DIR', xdg],
      ['TMPDIR', tmp],
    ] as const)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
  const folder = join(root, 'causeway');
  return { root, folder, file: join(folder, `admin-${process.pid}.json`), env: { XDG_RUNTIME_DIR: root } };
}

const mode = (path: string): number => lstatSync(path).mode & 0o777;

function warned(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return { log: { ...silentLog(), warn: (...said: unknown[]) => void lines.push(String(said.at(-1))) }, lines };
}

test('the token is in a file of this user alone, is found there, and goes with the bridge', (t) => {
  const { folder, file } = runtime(t);
  const told = announce(edge, false, silentLog());
  assert.deepEqual([mode(folder), mode(file)], [0o700, 0o600]);
  const [found, ...others] = findBridges();
  assert.deepEqual(others, []);
  const { since, ...rest } = found!;
  assert.ok(Math.abs(since - Date.now()) < 60_000);
  assert.deepEqual(rest, { url: edge.admin!.url, token: 'T0KEN', pid: process.pid, cluster: 'c', serves: edge.url });
  told[Symbol.dispose]();
  assert.equal(existsSync(file), false);
  told[Symbol.dispose]();
});

test('where a bridge serves on a port is found, with TLS and on the ports that URLs leave out', (t) => {
  runtime(t);
  for (const [url, port] of [
    ['https://127.0.0.1:8443', 8443],
    ['https://10.0.0.1:443', 443],
    ['http://[::1]', 80],
  ] as const) {
    using told = announce({ ...edge, url }, false, silentLog());
    assert.ok(told);
    assert.equal(servedOn(port)?.origin, new URL(url).origin);
    assert.equal(servedOn(8000), undefined);
  }
});

test('a token that was configured is not written down', (t) => {
  const { file } = runtime(t);
  using told = announce(edge, true, silentLog());
  assert.ok(told);
  assert.ok(!readFileSync(file, 'utf8').includes('T0KEN'));
  assert.equal(findBridges()[0]!.url, edge.admin!.url);
});

test('it is told at one place: the next is for where that cannot be', (t) => {
  const { root, file } = runtime(t);
  const next = join(root, 'none');
  mkdirSync(next);
  const told = announce(edge, false, silentLog());
  assert.deepEqual([existsSync(file), readdirSync(next), findBridges().length], [true, [], 1]);
  told[Symbol.dispose]();
  assert.equal(findBridges().length, 0);
});

test('without an admin listener nothing is written', (t) => {
  const { folder } = runtime(t);
  using told = announce({ url: edge.url } as Edge, false, silentLog());
  assert.ok(told);
  assert.equal(existsSync(folder), false);
});

test('a directory that others may enter is closed before anything is written; one that is a link is not used or believed', (t) => {
  const { root, folder } = runtime(t);
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  writeFileSync(join(folder, 'admin-1.json'), JSON.stringify({ url: 'http://evil', pid: process.pid, cluster: 'c', serves: '', since: 0 }));
  assert.deepEqual(findBridges(), [], 'anybody may have put it there');
  announce(edge, false, silentLog())[Symbol.dispose]();
  assert.equal(mode(folder), 0o700);
  rmSync(folder, { recursive: true });
  mkdirSync(join(root, 'elsewhere'), { mode: 0o700 });
  symlinkSync(join(root, 'elsewhere'), folder);
  const { log, lines } = warned();
  using told = announce(edge, false, log);
  assert.ok(told);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /CAUSEWAY_ADMIN_TOKEN/);
  assert.deepEqual(findBridges(), []);
});

test('what a killed process left is cleared away, and what is no such file is left alone', (t) => {
  const { folder } = runtime(t);
  mkdirSync(folder, { mode: 0o700 });
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const dead = join(folder, `admin-${pid}.json`);
  writeFileSync(dead, JSON.stringify({ url: 'http://127.0.0.1:1', pid, cluster: 'c', serves: '', since: 1 }));
  for (const name of ['admin-2.json', 'other.json']) writeFileSync(join(folder, name), 'not JSON');
  assert.deepEqual(findBridges(), []);
  assert.deepEqual(
    [existsSync(dead), existsSync(join(folder, 'admin-2.json')), existsSync(join(folder, 'other.json'))],
    [false, true, true],
  );
});
