import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '@causeway/config';
import { newWorkerId, type SessionToken } from '@causeway/protocol';
import { openLog, silentLog } from '@causeway/runtime';
import { openStarts } from '../src/starts.ts';

test('a server gains no privileges by what it executes, but where it is configured to', async () => {
  const look = { command: 'cat', args: ['/proc/self/status'] };
  const value = { servers: { usual: look, free: { ...look, noNewPrivileges: false } } };
  const { config } = loadConfig({ value, env: {}, cwd: '/' });
  await using starts = await openStarts({ worker: newWorkerId(), log: silentLog() }, config.worker);
  const own = /^NoNewPrivs:.*$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[0];
  const found = Object.values(config.servers).map(async (server) => {
    const lines: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const line = (bytes: Buffer): void => void lines.push(bytes.toString());
    const listeners = { line, broken: () => undefined, exit: () => resolve() };
    await using child = await starts.start({ token: 'look' as SessionToken, epoch: 1 }, server, listeners);
    void child;
    await promise;
    return lines.find((one) => one.startsWith('NoNewPrivs:'));
  });
  assert.deepEqual(await Promise.all(found), ['NoNewPrivs:\t1', own]);
});

test('a worker whose machine has no room for another process is full: another may have room, and the server is not to blame', () => {
  const fixture = join(import.meta.dirname, 'fixtures/full-machine.ts');
  const output = execFileSync('/bin/sh', ['-c', 'ulimit -n 100; exec "$0" "$1"', process.execPath, fixture], { encoding: 'utf8' });
  assert.deepEqual(JSON.parse(output), { reason: 'limit.worker', class: 'too_many_processes', retryAfter: 10 });
});

test('a worker that is process 1 says that nobody collects what servers leave behind', async (t) => {
  const { pid } = process;
  const lines: string[] = [];
  await using log = await openLog({
    level: 'info',
    format: 'json',
    service: 'test',
    destination: { write: (line) => void lines.push(line) },
  });
  const { config } = loadConfig({ value: { servers: { any: { command: 'cat' } } }, env: {}, cwd: '/' });
  const said = async (number: number): Promise<boolean> => {
    Object.defineProperty(process, 'pid', { value: number });
    t.after(() => Object.defineProperty(process, 'pid', { value: pid }));
    await using starts = await openStarts({ worker: newWorkerId(), log }, config.worker);
    void starts;
    return lines.some((line) => line.includes('no init: as process 1'));
  };
  assert.equal(await said(pid), false);
  assert.equal(await said(1), true);
});
