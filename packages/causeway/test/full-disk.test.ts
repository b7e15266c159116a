/** Output that cannot be written, as on a full disk: a command says so in a line and ends with 1; a bridge goes on, and can be stopped. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { test, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { BIN, CHILD } from './support/cli.ts';

/** Every write to it fails with ENOSPC. */
const FULL = '/dev/full';

function startFull(context: TestContext, full: 'stdout' | 'stderr', argv: readonly string[]): ReturnType<typeof spawn> {
  const sink = openSync(FULL, 'w');
  const child = spawn(process.execPath, ['--', BIN, ...argv], {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH']!, HOME: tmpdir() },
    stdio: ['ignore', full === 'stdout' ? sink : 'pipe', full === 'stderr' ? sink : 'pipe'],
  });
  closeSync(sink);
  context.after(() => child.kill('SIGKILL'));
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('a command says so', async (context) => {
  for (const argv of [['config', 'schema'], ['--help'], ['--version']]) {
    const child = startFull(context, 'stdout', argv);
    const told = child.stderr!.toArray();
    const [code] = (await once(child, 'close')) as [number];
    assert.deepEqual([code, (await told).join('')], [1, 'error: stdout cannot be written: no space left on device\n'], argv.join(' '));
  }
});

test('a bridge goes on, and ends when it is told to', async (context) => {
  for (const [full, ...options] of [['stdout'], ['stderr'], ['stderr', '--log-format', 'pretty']] as const) {
    const port = await freePort();
    const line = ['--port', String(port), '--diagnostics-port', 'off', '--admin-port', 'off', ...options];
    const child = startFull(context, full, [...line, '--', process.execPath, CHILD, 'noisy']);
    child.stdout?.resume();
    child.stderr?.resume();
    const ended = once(child, 'close', { signal: AbortSignal.timeout(20_000) }) as Promise<[number | null]>;
    const well = async (): Promise<number> =>
      fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(2_000) }).then(({ status }) => status);
    const end = performance.now() + 10_000;
    let status = 0;
    while (status !== 200 && child.exitCode === null && performance.now() < end) {
      await wait(100);
      status = await well().catch(() => 0);
    }
    // The lines of its start have been tried by now.
    await wait(1_000);
    assert.equal(await well().catch(() => 0), 200, [full, ...options].join(' '));
    child.kill('SIGTERM');
    assert.deepEqual((await ended)[0], 0, [full, ...options].join(' '));
  }
});
